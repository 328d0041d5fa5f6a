"""The archive: a directory, or a bucket of S3."""
