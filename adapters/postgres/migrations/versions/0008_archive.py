"""The archive: `message` is divided by months, so that a month that was archived can go as a partition.

What is there becomes the first range of its region, up to the end of the month of its newest message; the months that
follow are made by `fifteen db upgrade` right after this, in the same transaction (docs/adr/0014). The key's new index
is built, and the bound checked, while nobody can read or write messages: stop the roles for it. What a program of the
former revision writes afterwards is taken (`pre`).

Revision ID: 0008
"""

from typing import Final

from alembic import op
from sqlalchemy import Connection, text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None
phase = "pre"

TABLES: Final = (
    """
    CREATE TABLE archive_segment (
        region TEXT NOT NULL,
        number BIGINT NOT NULL,
        messages INTEGER NOT NULL,
        first_at TIMESTAMP WITH TIME ZONE NOT NULL,
        last_at TIMESTAMP WITH TIME ZONE NOT NULL,
        key_id TEXT NOT NULL,
        size BIGINT NOT NULL,
        header_size INTEGER NOT NULL,
        digest BYTEA NOT NULL,
        archived_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT archive_segment_pk PRIMARY KEY (number, region),
        CONSTRAINT archive_segment_number_ck CHECK (number > 0),
        CONSTRAINT archive_segment_messages_ck CHECK (messages > 0)) PARTITION BY LIST (region)
    """,
    "COMMENT ON TABLE archive_segment IS 'Objects of the archive; every message in them is in archived_message.'",
    "COMMENT ON COLUMN archive_segment.digest IS 'SHA-256 of the whole object, as it was read back.'",
    """
    CREATE TABLE archived_message (
        region TEXT NOT NULL,
        message_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        payment_id UUID NOT NULL,
        direction TEXT NOT NULL,
        message_type TEXT NOT NULL,
        business_message_id TEXT NOT NULL,
        content_type TEXT NOT NULL,
        key_id TEXT NOT NULL,
        digest BYTEA NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        event_sequence INTEGER,
        segment BIGINT NOT NULL,
        position INTEGER NOT NULL,
        starts_at BIGINT NOT NULL,
        size INTEGER NOT NULL,
        CONSTRAINT archived_message_pk PRIMARY KEY (message_id, tenant_id, region),
        CONSTRAINT archived_message_segment_position_region_uq UNIQUE (segment, position, region),
        CONSTRAINT archived_message_direction_ck CHECK (direction IN ('client_in', 'rail_out', 'rail_in'))) PARTITION BY LIST (region)
    """,
    "CREATE INDEX archived_message_payment_id_ix ON archived_message (payment_id)",
    """
    CREATE INDEX archived_message_business_message_id_ix ON archived_message (business_message_id)
        WHERE direction = 'rail_out'
    """,
    """
    COMMENT ON TABLE archived_message IS 'What the archive has of each message but its bytes; the row in message goes with its partition.'
    """,
    "COMMENT ON COLUMN archived_message.starts_at IS 'Where in the object its record begins, in bytes.'",
    "COMMENT ON COLUMN archived_message.size IS 'The bytes of its record.'",
    "GRANT SELECT, INSERT ON archive_segment, archived_message TO fifteen_application",
)

WHOLE_REGIONS: Final = """
    SELECT child.relname AS name, (regexp_match(pg_get_expr(child.relpartbound, child.oid), '\\(''(.*)''\\)'))[1] AS region
    FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = 'message'::regclass AND child.relkind = 'r'
"""


def upgrade() -> None:
    """Add the index of the archive, and divide `message`."""
    connection = op.get_bind()
    for statement in TABLES:
        op.execute(statement)
    wholes = [(row.name, row.region) for row in connection.execute(text(WHOLE_REGIONS))]
    for name, _ in wholes:
        op.execute(f"ALTER TABLE message DETACH PARTITION {name}")
    key = "ADD CONSTRAINT {}_pk PRIMARY KEY (at, message_id, tenant_id, region)"
    op.execute("ALTER TABLE message DROP CONSTRAINT message_pk")
    op.execute(f"ALTER TABLE message {key.format('message')}")
    for name, region in wholes:
        divide(connection, name, region, key)


def divide(connection: Connection, name: str, region: str, key: str) -> None:
    """Put a region's messages, as they are, under a table that is divided by time."""
    whole = f"{name}_whole"
    connection.execute(text(f"ALTER TABLE {name} RENAME TO {whole}"))
    for index in connection.execute(
        text(
            "SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = CAST(:table AS regclass)"
        ),
        {"table": whole},
    ).scalars():
        connection.execute(text(f"ALTER INDEX {index} RENAME TO {index[:57]}_whole"))
    connection.execute(
        text(f"CREATE TABLE {name} PARTITION OF message FOR VALUES IN ('{region}') PARTITION BY RANGE (at)")
    )
    before = connection.execute(
        text(
            f"SELECT to_char((date_trunc('month', max(at) AT TIME ZONE 'UTC') + interval '1 month'), 'YYYY-MM-DD') FROM {whole}"
        )
    ).scalar_one()
    if before is None:
        connection.execute(text(f"DROP TABLE {whole}"))
        return
    keys = connection.execute(
        text("SELECT conname FROM pg_constraint WHERE conrelid = CAST(:table AS regclass) AND contype = 'p'"),
        {"table": whole},
    ).scalar_one()
    connection.execute(text(f"ALTER TABLE {whole} DROP CONSTRAINT {keys}"))
    connection.execute(text(f"ALTER TABLE {whole} {key.format(whole)}"))
    connection.execute(
        text(f"ALTER TABLE {name} ATTACH PARTITION {whole} FOR VALUES FROM (MINVALUE) TO ('{before} 00:00:00+00')")
    )


def downgrade() -> None:
    """Refuse: what was archived is not in `message` any more."""
    raise RuntimeError("messages may have left the database: there is no way back")
