"""The audit trail: the contract of sealing and reading, in memory and on PostgreSQL, and whether tampering is found."""
