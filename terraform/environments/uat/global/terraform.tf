# The state lies in the third region: an outage in a serving one does not lock it.
terraform {
  required_version = ">= 1.11"

  backend "s3" {
    key          = "uat/global/terraform.tfstate"
    region       = "us-west-2"
    encrypt      = true
    use_lockfile = true
  }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

provider "aws" {
  alias               = "first"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "second"
  region              = "us-east-2"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "witness"
  region              = module.values.witness.region
  allowed_account_ids = [var.account_id]
}
