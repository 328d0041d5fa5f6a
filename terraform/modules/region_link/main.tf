# Two networks in two regions, joined by peering: the link that replication, forwarded claims and the witness use.
resource "aws_vpc_peering_connection" "this" {
  provider = aws.near

  vpc_id      = var.near.vpc_id
  peer_vpc_id = var.far.vpc_id
  peer_region = var.far.region
  auto_accept = false # the other region accepts, below
  tags        = merge(var.tags, { Name = "${var.name}-${var.near.region}-${var.far.region}" })
}

resource "aws_vpc_peering_connection_accepter" "this" {
  provider = aws.far

  vpc_peering_connection_id = aws_vpc_peering_connection.this.id
  auto_accept               = true
  tags                      = merge(var.tags, { Name = "${var.name}-${var.near.region}-${var.far.region}" })
}

resource "aws_vpc_peering_connection_options" "near" {
  provider = aws.near

  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.this.id

  requester {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_vpc_peering_connection_options" "far" {
  provider = aws.far

  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.this.id

  accepter {
    allow_remote_vpc_dns_resolution = true
  }
}

resource "aws_route" "near" {
  provider = aws.near
  for_each = { for index, id in var.near.route_table_ids : tostring(index) => id }

  route_table_id            = each.value
  destination_cidr_block    = var.far.cidr
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.this.id
}

resource "aws_route" "far" {
  provider = aws.far
  for_each = { for index, id in var.far.route_table_ids : tostring(index) => id }

  route_table_id            = each.value
  destination_cidr_block    = var.near.cidr
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.this.id
}
