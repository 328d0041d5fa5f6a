# The tools account: one way to every environment, with a person before cert and prod.
mock_provider "aws" {
  source          = "../../tests/mocks"
  override_during = plan
}

variables {
  account_id              = "555555555555"
  environment_account_ids = { dev = "111111111111", uat = "222222222222", cert = "333333333333", prod = "444444444444" }
  source_code             = { provider = "GitHub", repository = "example/fifteen", branch = "main" }
  base_image              = "python@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  change_form_url         = "https://changes.example/form"
}

run "one_way_with_approvals" {
  command = plan

  assert {
    condition     = module.pipeline.promises.approvals == ["cert", "prod"]
    error_message = "A person approves before cert and before prod."
  }
  assert {
    condition     = module.pipeline.promises.order == ["source", "check-and-build", "dev", "uat", "cert", "prod"] && module.pipeline.promises.same_way
    error_message = "Every change takes the same way."
  }
}
