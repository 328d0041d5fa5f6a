# The collector beside the program: everything to managed Prometheus, the few figures that scaling and roll-backs go by
# to CloudWatch as well.
locals {
  collector_configuration = !local.is_watched ? "" : yamlencode({
    receivers = {
      prometheus = {
        config = {
          global = { scrape_interval = "10s", scrape_timeout = "5s" }
          scrape_configs = [{
            job_name       = var.role
            static_configs = [{ targets = ["127.0.0.1:${var.port}"] }]
          }]
        }
      }
    }
    processors = {
      batch    = {}
      resource = { attributes = [{ key = "service", value = local.family, action = "upsert" }] }
    }
    exporters = {
      prometheusremotewrite = {
        endpoint                         = "${var.collector.prometheus_endpoint}api/v1/remote_write"
        auth                             = { authenticator = "sigv4auth" }
        external_labels                  = { environment = var.tags["environment"], region = var.region, role = var.role }
        resource_to_telemetry_conversion = { enabled = true }
      }
      awsemf = {
        region                           = var.region
        namespace                        = var.collector.namespace
        log_group_name                   = local.log_group
        log_stream_name                  = "metrics"
        dimension_rollup_option          = "NoDimensionRollup"
        resource_to_telemetry_conversion = { enabled = true }
        metric_declarations = [{
          dimensions            = [["service"]]
          metric_name_selectors = var.collector.cloudwatch_metrics
        }]
      }
    }
    extensions = { sigv4auth = { region = var.region, service = "aps" } }
    service = {
      extensions = ["sigv4auth"]
      pipelines = {
        metrics = {
          receivers  = ["prometheus"]
          processors = ["resource", "batch"]
          exporters  = ["prometheusremotewrite", "awsemf"]
        }
      }
    }
  })
}
