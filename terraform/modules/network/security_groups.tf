# Who may speak to whom, as one table. A security group has no rule that is not in it.
locals {
  groups = {
    load_balancer = "The load balancer"
    gateway       = "Gateway tasks"
    worker        = "Worker tasks"
    one_off       = "One-off tasks: migrations, joining regions"
    hooks         = "Deployment hooks"
    grafana       = "Managed Grafana"
    postgres      = "PostgreSQL"
    rabbitmq      = "RabbitMQ"
    endpoint      = "Endpoints of AWS services"
  }

  clients = setunion(var.data_centre_cidrs, var.privatelink_enabled ? [var.cidr] : [])
  peers   = var.peer_cidr == null ? [] : [var.peer_cidr]
  witness = var.witness_cidr == null ? [] : [var.witness_cidr]

  # from, to, port: both ends get the rule, so that neither is open to what the other does not send.
  between_groups = {
    "load-balancer-to-gateway" = { from = "load_balancer", to = "gateway", port = var.ports.gateway }
    "hooks-to-test-listener"   = { from = "hooks", to = "load_balancer", port = var.ports.test_listener }
    "gateway-to-postgres"      = { from = "gateway", to = "postgres", port = 5432 }
    "worker-to-postgres"       = { from = "worker", to = "postgres", port = 5432 }
    "one-off-to-postgres"      = { from = "one_off", to = "postgres", port = 5432 }
    "gateway-to-rabbitmq"      = { from = "gateway", to = "rabbitmq", port = 5671 }
    "worker-to-rabbitmq"       = { from = "worker", to = "rabbitmq", port = 5671 }
    "one-off-to-rabbitmq"      = { from = "one_off", to = "rabbitmq", port = 5671 }
    "gateway-to-endpoint"      = { from = "gateway", to = "endpoint", port = 443 }
    "worker-to-endpoint"       = { from = "worker", to = "endpoint", port = 443 }
    "one-off-to-endpoint"      = { from = "one_off", to = "endpoint", port = 443 }
    "hooks-to-endpoint"        = { from = "hooks", to = "endpoint", port = 443 }
    "grafana-to-endpoint"      = { from = "grafana", to = "endpoint", port = 443 }
  }

  from_addresses = merge(
    { for cidr in local.clients : "clients-${cidr}" => { group = "load_balancer", cidr = cidr, port = 443, why = "Clients, by the data centre" } },
    { for cidr in local.peers : "peer-api-${cidr}" => { group = "load_balancer", cidr = cidr, port = 443, why = "The other region forwards claims" } },
    { for cidr in local.peers : "peer-postgres-${cidr}" => { group = "postgres", cidr = cidr, port = 5432, why = "The other region subscribes" } },
  )

  to_addresses = merge(
    { for cidr in local.peers : "peer-api-${cidr}" => { group = "gateway", cidr = cidr, port = 443, why = "Claims whose home is the other region" } },
    { for cidr in local.peers : "peer-postgres-${cidr}" => { group = "postgres", cidr = cidr, port = 5432, why = "Subscribes to the other region" } },
    { for cidr in local.peers : "peer-postgres-one-off-${cidr}" => { group = "one_off", cidr = cidr, port = 5432, why = "fifteen region join" } },
    { for pair in setproduct(["gateway", "worker", "one_off"], local.witness) : "witness-${pair[0]}" => { group = pair[0], cidr = pair[1], port = 443, why = "The witness" } },
    { for pair in setproduct(var.data_centre_cidrs, var.ports.data_centre) : "data-centre-${pair[0]}-${pair[1]}" => { group = "worker", cidr = pair[0], port = pair[1], why = "Rails and the institution's core" } },
  )
}

resource "aws_security_group" "this" {
  # checkov:skip=CKV2_AWS_5: attached in other modules, by the output security_group_ids
  for_each = local.groups

  name        = "${var.name}-${replace(each.key, "_", "-")}"
  description = each.value
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-${replace(each.key, "_", "-")}" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "between" {
  for_each = local.between_groups

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
  tags                         = var.tags
}

resource "aws_vpc_security_group_egress_rule" "between" {
  for_each = local.between_groups

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
  description                  = each.key
  tags                         = var.tags
}

resource "aws_vpc_security_group_ingress_rule" "address" {
  for_each = local.from_addresses

  security_group_id = aws_security_group.this[each.value.group].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = each.value.why
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "address" {
  for_each = local.to_addresses

  security_group_id = aws_security_group.this[each.value.group].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
  description       = each.value.why
  tags              = var.tags
}

# S3 is reached through a gateway endpoint: image layers, and the archive.
resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = toset(["gateway", "worker", "one_off"])

  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  description       = "S3: image layers and the archive"
  tags              = var.tags
}
