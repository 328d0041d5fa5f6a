"""The witness: one contract, a fake, PostgreSQL and DynamoDB."""
