"""Alembic's entry: runs the migrations on the connection that `adapters.postgres.upgrade` hands over."""

from alembic import context

from adapters.postgres import tables

context.configure(
    connection=context.config.attributes["connection"], target_metadata=tables.tenant.metadata, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
