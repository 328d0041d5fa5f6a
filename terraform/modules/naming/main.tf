# The one place that names and tags come from. Nothing else puts a name together.
locals {
  region_codes = {
    "global"    = "glob"
    "us-east-1" = "use1"
    "us-east-2" = "use2"
    "us-west-2" = "usw2"
  }
}
