# The bucket is given at `terraform init -backend-config=bucket=…`: its name ends in the account's number.
terraform {
  required_version = ">= 1.11"

  backend "s3" {
    key          = "cert/us-east-1/terraform.tfstate"
    region       = "us-east-1"
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
  region              = local.region
  allowed_account_ids = [var.account_id]
}
