# The ways out: endpoints of AWS services, the data centre.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.this : table.id]
  # Our own buckets, and the one that holds ECR's layers: nothing can be carried out through the endpoint.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OwnAccount"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketVersions", "s3:PutObject"]
        Resource  = "*"
        Condition = { StringEquals = { "s3:ResourceAccount" = var.account_id } }
      },
      {
        Sid       = "ImageLayers"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject"]
        Resource  = ["arn:aws:s3:::prod-${var.region}-starport-layer-bucket/*"]
      },
    ]
  })
  tags = merge(var.tags, { Name = "${var.name}-s3" })
}

resource "aws_vpc_endpoint" "this" {
  for_each = var.endpoint_services

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = local.subnet_ids.endpoint
  security_group_ids  = [aws_security_group.this["endpoint"].id]
  private_dns_enabled = true
  tags                = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_ec2_transit_gateway_vpc_attachment" "this" {
  count = var.transit_gateway_id == null ? 0 : 1

  transit_gateway_id = var.transit_gateway_id
  vpc_id             = aws_vpc.this.id
  subnet_ids         = local.subnet_ids.service
  tags               = merge(var.tags, { Name = var.name })
}

resource "aws_route" "data_centre_by_transit_gateway" {
  for_each = var.transit_gateway_id == null ? {} : {
    for pair in setproduct(["service"], var.data_centre_cidrs) : "${pair[0]} ${pair[1]}" => { tier = pair[0], cidr = pair[1] }
  }

  route_table_id         = aws_route_table.this[each.value.tier].id
  destination_cidr_block = each.value.cidr
  transit_gateway_id     = var.transit_gateway_id

  depends_on = [aws_ec2_transit_gateway_vpc_attachment.this]
}

# Direct Connect without a transit gateway: a virtual private gateway, whose routes are propagated.
resource "aws_vpn_gateway" "this" {
  count = var.direct_connect_gateway_id == null ? 0 : 1

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_dx_gateway_association" "this" {
  count = var.direct_connect_gateway_id == null ? 0 : 1

  dx_gateway_id         = var.direct_connect_gateway_id
  associated_gateway_id = aws_vpn_gateway.this[0].id
  allowed_prefixes      = [var.cidr]
}

resource "aws_vpn_gateway_route_propagation" "this" {
  count = var.direct_connect_gateway_id == null ? 0 : 1

  vpn_gateway_id = aws_vpn_gateway.this[0].id
  route_table_id = aws_route_table.this["service"].id
}
