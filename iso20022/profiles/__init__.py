"""What each rail demands beyond the schema, as data."""
