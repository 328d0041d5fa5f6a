"""PostgreSQL's own logical replication between two regions, as code: made, checked, and made anew (docs/regions.md).

Each region publishes its own partitions, through their root tables, and subscribes to the other's: no write conflict
can arise. Everything here runs as the owner, or a role above it, and a repeat changes nothing.
"""
