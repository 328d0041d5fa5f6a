# The witness: a plain table in a third region, written with conditions, that says which region serves under which epoch.
# It outlives both regions, and a small network with one endpoint makes it reachable without the internet.
resource "aws_dynamodb_table" "this" {
  name                        = var.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "name"
  deletion_protection_enabled = true
  tags                        = var.tags

  # Three small records: each region's lease, and the map of slots (docs/regions.md).
  attribute {
    name = "name"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  lifecycle {
    precondition {
      condition     = !contains(var.serving_regions, var.region)
      error_message = "The witness lies outside the regions that it judges."
    }
  }
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11: holds one endpoint and nothing that could speak; both regions log their flows to it
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = "${var.name}-witness" })
}

resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-witness-default-closed" })
}

resource "aws_subnet" "this" {
  for_each = { for index, zone in var.availability_zones : zone => index }

  vpc_id                  = aws_vpc.this.id
  cidr_block              = cidrsubnet(var.cidr, 4, each.value)
  availability_zone       = each.key
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-witness-${each.key}" })
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-witness" })
}

resource "aws_route_table_association" "this" {
  for_each = aws_subnet.this

  subnet_id      = each.value.id
  route_table_id = aws_route_table.this.id
}

resource "aws_security_group" "this" {
  name        = "${var.name}-witness"
  description = "The witness's endpoint"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-witness" })
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each = var.client_cidrs

  security_group_id = aws_security_group.this.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "A serving region"
  tags              = var.tags
}

resource "aws_vpc_endpoint" "this" {
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.dynamodb"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.this : subnet.id]
  security_group_ids  = [aws_security_group.this.id]
  private_dns_enabled = false # it would hold in this network alone; the zone below holds in the regions
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource  = [aws_dynamodb_table.this.arn]
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.account_id } }
    }]
  })
  tags = merge(var.tags, { Name = "${var.name}-witness" })
}

# In the serving regions the service's plain name leads here: it is the one that its certificate has, and nobody has to be
# told an address that is not known before the endpoint is made.
resource "aws_route53_zone" "this" {
  name    = "dynamodb.${var.region}.amazonaws.com"
  comment = "The witness, for the regions that it judges"
  tags    = var.tags

  dynamic "vpc" {
    for_each = var.client_vpcs

    content {
      vpc_id     = vpc.value
      vpc_region = vpc.key
    }
  }
}

resource "aws_route53_record" "this" {
  zone_id = aws_route53_zone.this.zone_id
  name    = "dynamodb.${var.region}.amazonaws.com"
  type    = "A"

  alias {
    name                   = aws_vpc_endpoint.this.dns_entry[0].dns_name
    zone_id                = aws_vpc_endpoint.this.dns_entry[0].hosted_zone_id
    evaluate_target_health = false
  }
}
