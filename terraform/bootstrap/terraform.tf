# The first run keeps its state in a file and makes the bucket; `terraform init -migrate-state` then moves it there.
terraform {
  required_version = ">= 1.11"

  backend "s3" {
    key          = "bootstrap/terraform.tfstate"
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
  alias               = "us_east_1"
  region              = "us-east-1"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "us_east_2"
  region              = "us-east-2"
  allowed_account_ids = [var.account_id]
}

provider "aws" {
  alias               = "us_west_2"
  region              = "us-west-2"
  allowed_account_ids = [var.account_id]
}
