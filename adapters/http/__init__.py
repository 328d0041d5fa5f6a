"""The HTTP API: ISO 20022 XML and JSON in, payments, problems and raw messages out."""
