# What joins the regions: the name, the witness, the links. Every environment has a link to this file.
mock_provider "aws" {
  alias           = "first"
  source          = "../../../tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "second"
  source          = "../../../tests/mocks"
  override_during = plan
}

mock_provider "aws" {
  alias           = "witness"
  source          = "../../../tests/mocks"
  override_during = plan
}

variables {
  account_id = "000000000000"
  zone_id    = "Z11111111111"
  regions = {
    us-east-1 = {
      vpc_id                 = "vpc-1"
      cidr                   = "10.100.0.0/16"
      route_table_ids        = ["rtb-1", "rtb-2"]
      load_balancer_dns_name = "internal-one.us-east-1.elb.amazonaws.com"
      load_balancer_zone_id  = "Z1"
      health_alarm_name      = "one-serving"
    }
    us-east-2 = {
      vpc_id                 = "vpc-2"
      cidr                   = "10.101.0.0/16"
      route_table_ids        = ["rtb-3", "rtb-4"]
      load_balancer_dns_name = "internal-two.us-east-2.elb.amazonaws.com"
      load_balancer_zone_id  = "Z2"
      health_alarm_name      = "two-serving"
    }
  }
}

run "both_regions_answer_under_one_name" {
  command = plan

  assert {
    condition     = module.global.promises.dns.regions == tolist(["us-east-1", "us-east-2"]) && module.global.promises.dns.health_checked
    error_message = "Latency records in both regions, each with its health check."
  }
  assert {
    condition     = length(module.global.promises.dns.drained) == 0
    error_message = "Nobody is drained by default."
  }
  assert {
    condition     = !contains(["us-east-1", "us-east-2"], module.global.promises.witness.region) && module.global.promises.witness.protected && module.global.promises.witness.encrypted
    error_message = "The witness lies outside both regions, protected and encrypted."
  }
  assert {
    condition     = module.global.promises.witness.clients == tolist(["10.100.0.0/16", "10.101.0.0/16"])
    error_message = "Only the two regions ask the witness."
  }
}
