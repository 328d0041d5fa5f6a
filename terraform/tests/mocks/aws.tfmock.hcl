# What the mocked provider answers where a random text would not do: mostly ARNs, which the provider checks for form.
# Every module's tests read this one file.

mock_resource "aws_iam_role" {
  defaults = {
    arn  = "arn:aws:iam::000000000000:role/mock"
    id   = "mock"
    name = "mock"
  }
}

mock_resource "aws_iam_policy" {
  defaults = {
    arn = "arn:aws:iam::000000000000:policy/mock"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn    = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111"
    key_id = "11111111-1111-4111-8111-111111111111"
  }
}

mock_resource "aws_lb" {
  defaults = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/mock/1111111111111111"
    arn_suffix = "app/mock/1111111111111111"
    dns_name   = "internal-mock.us-east-1.elb.amazonaws.com"
    zone_id    = "Z35SXDOTRQ7X7K"
  }
}

mock_resource "aws_lb_target_group" {
  defaults = {
    arn        = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/mock/1111111111111111"
    arn_suffix = "targetgroup/mock/1111111111111111"
  }
}

mock_resource "aws_lb_listener" {
  defaults = {
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/mock/1111111111111111/2222222222222222"
  }
}

mock_resource "aws_lb_trust_store" {
  defaults = {
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:truststore/mock/1111111111111111"
  }
}

mock_resource "aws_acm_certificate" {
  defaults = {
    arn = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-1111-4111-8111-111111111111"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn                         = "arn:aws:s3:::mock"
    id                          = "mock"
    bucket_regional_domain_name = "mock.s3.us-east-1.amazonaws.com"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:us-east-1:000000000000:mock"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:us-east-1:000000000000:mock"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:mock"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:mock"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = {
    arn = "arn:aws:events:us-east-1:000000000000:rule/mock"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:mock-AbCdEf"
    id  = "arn:aws:secretsmanager:us-east-1:000000000000:secret:mock-AbCdEf"
  }
}

mock_resource "aws_ssm_parameter" {
  defaults = {
    arn = "arn:aws:ssm:us-east-1:000000000000:parameter/mock"
  }
}

mock_resource "aws_db_instance" {
  defaults = {
    arn                = "arn:aws:rds:us-east-1:000000000000:db:mock"
    address            = "mock.us-east-1.rds.amazonaws.com"
    port               = 5432
    master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds-mock-AbCdEf", kms_key_id = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111", secret_status = "active" }]
  }
}

mock_resource "aws_mq_broker" {
  defaults = {
    arn       = "arn:aws:mq:us-east-1:000000000000:broker:mock:b-1111"
    id        = "b-1111"
    instances = [{ console_url = "https://mock.mq.us-east-1.amazonaws.com", endpoints = ["amqps://mock.mq.us-east-1.amazonaws.com:5671"], ip_address = "" }]
  }
}

mock_resource "aws_mq_configuration" {
  defaults = {
    id              = "c-1111"
    latest_revision = 1
  }
}

mock_resource "aws_ecs_cluster" {
  defaults = {
    arn = "arn:aws:ecs:us-east-1:000000000000:cluster/mock"
  }
}

mock_resource "aws_ecs_task_definition" {
  defaults = {
    arn                  = "arn:aws:ecs:us-east-1:000000000000:task-definition/mock:1"
    arn_without_revision = "arn:aws:ecs:us-east-1:000000000000:task-definition/mock"
  }
}

mock_resource "aws_ecs_service" {
  defaults = {
    id = "arn:aws:ecs:us-east-1:000000000000:service/mock/mock"
  }
}

mock_resource "aws_ecr_repository" {
  defaults = {
    arn            = "arn:aws:ecr:us-east-1:000000000000:repository/mock"
    repository_url = "000000000000.dkr.ecr.us-east-1.amazonaws.com/mock"
    registry_id    = "000000000000"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn = "arn:aws:lambda:us-east-1:000000000000:function:mock"
  }
}

mock_resource "aws_prometheus_workspace" {
  defaults = {
    arn                 = "arn:aws:aps:us-east-1:000000000000:workspace/ws-mock"
    prometheus_endpoint = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-mock/"
    id                  = "ws-mock"
  }
}

mock_resource "aws_grafana_workspace" {
  defaults = {
    arn = "arn:aws:grafana:us-east-1:000000000000:/workspaces/g-mock"
    id  = "g-mock"
  }
}

mock_resource "aws_kinesis_firehose_delivery_stream" {
  defaults = {
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/mock"
  }
}

mock_resource "aws_backup_vault" {
  defaults = {
    arn = "arn:aws:backup:us-east-1:000000000000:backup-vault:mock"
  }
}

mock_resource "aws_backup_plan" {
  defaults = {
    arn = "arn:aws:backup:us-east-1:000000000000:backup-plan:mock"
    id  = "11111111-1111-4111-8111-111111111111"
  }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn = "arn:aws:dynamodb:us-west-2:000000000000:table/mock"
  }
}

mock_resource "aws_codedeploy_app" {
  defaults = {
    arn = "arn:aws:codedeploy:us-east-1:000000000000:application:mock"
  }
}

mock_resource "aws_codedeploy_deployment_group" {
  defaults = {
    arn = "arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:mock/mock"
  }
}

mock_resource "aws_codebuild_project" {
  defaults = {
    arn = "arn:aws:codebuild:us-east-1:000000000000:project/mock"
  }
}

mock_resource "aws_codepipeline" {
  defaults = {
    arn = "arn:aws:codepipeline:us-east-1:000000000000:mock"
  }
}

mock_resource "aws_codestarconnections_connection" {
  defaults = {
    arn = "arn:aws:codestar-connections:us-east-1:000000000000:connection/11111111-1111-4111-8111-111111111111"
  }
}

mock_resource "aws_vpc" {
  defaults = {
    id  = "vpc-11111111"
    arn = "arn:aws:ec2:us-east-1:000000000000:vpc/vpc-11111111"
  }
}

mock_resource "aws_subnet" {
  defaults = {
    id = "subnet-11111111"
  }
}

mock_resource "aws_security_group" {
  defaults = {
    id = "sg-11111111"
  }
}

mock_resource "aws_vpc_endpoint" {
  defaults = {
    id             = "vpce-11111111"
    prefix_list_id = "pl-11111111"
    dns_entry      = [{ dns_name = "vpce-11111111.dynamodb.us-west-2.vpce.amazonaws.com", hosted_zone_id = "Z1" }]
  }
}

mock_resource "aws_route53_zone" {
  defaults = {
    zone_id = "Z11111111111"
    id      = "Z11111111111"
    arn     = "arn:aws:route53:::hostedzone/Z11111111111"
  }
}

mock_resource "aws_guardduty_detector" {
  defaults = {
    id = "11111111111111111111111111111111"
  }
}

mock_resource "aws_cloudtrail" {
  defaults = {
    arn = "arn:aws:cloudtrail:us-east-1:000000000000:trail/mock"
  }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = {
    arn = "arn:aws:iam::000000000000:oidc-provider/mock"
  }
}

mock_data "aws_elb_service_account" {
  defaults = {
    arn = "arn:aws:iam::111111111111:root"
  }
}

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "000000000000"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "us-east-1"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition = "aws"
  }
}

mock_resource "aws_route53_health_check" {
  defaults = {
    id = "11111111-1111-4111-8111-111111111111"
  }
}
