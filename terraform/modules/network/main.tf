# A network without a way to the internet: no internet gateway, no NAT, no public subnet. AWS is reached through
# endpoints, institutions and rails through the data centre, the other region and the witness through peering.
resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })
}

resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-default-closed" })
}

locals {
  # Three kinds of subnet in each zone: /20 cut of a /16 for tasks, then /24s for data and for endpoints.
  tiers = { service = { newbits = 4, offset = 0 }, data = { newbits = 8, offset = 128 }, endpoint = { newbits = 8, offset = 144 } }
  subnets = {
    for pair in setproduct(keys(local.tiers), range(length(var.availability_zones))) : "${pair[0]}-${pair[1]}" => {
      tier = pair[0]
      zone = var.availability_zones[pair[1]]
      cidr = cidrsubnet(var.cidr, local.tiers[pair[0]].newbits, local.tiers[pair[0]].offset + pair[1])
    }
  }
  subnet_ids = {
    for tier in keys(local.tiers) : tier => [for index in range(length(var.availability_zones)) : aws_subnet.this["${tier}-${index}"].id]
  }
}

resource "aws_subnet" "this" {
  for_each = local.subnets

  vpc_id                  = aws_vpc.this.id
  cidr_block              = each.value.cidr
  availability_zone       = each.value.zone
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-${each.key}", tier = each.value.tier })
}

resource "aws_route_table" "this" {
  for_each = local.tiers

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route_table_association" "this" {
  for_each = local.subnets

  subnet_id      = aws_subnet.this[each.key].id
  route_table_id = aws_route_table.this[each.value.tier].id
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "ALL"
  max_aggregation_interval = 60
  log_destination          = aws_cloudwatch_log_group.flow.arn
  iam_role_arn             = aws_iam_role.flow.arn
  tags                     = var.tags
}

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/fifteen/${var.name}/flow"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "flow" {
  name                 = "${var.name}-flow-logs"
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
  tags = var.tags
}

resource "aws_iam_role_policy" "flow" {
  name = "write-flow-logs"
  role = aws_iam_role.flow.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.flow.arn}:*"]
    }]
  })
}
