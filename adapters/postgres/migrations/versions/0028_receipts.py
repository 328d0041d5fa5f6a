"""Receipts that are waited for (docs/adr/0039).

From then on acts and events are written that a program of the former revision does not know (`ReceiptMissed`,
`AskedAgain`, `ReturnReceiptMissed`): it is ended first, as with revision 0013.

Revision ID: 0028
"""

from typing import Final

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None
phase = "pre"
ends_older_code = True

STATEMENTS: Final = (
    """
    CREATE TABLE awaited_receipt (
        rail TEXT NOT NULL,
        message_id TEXT NOT NULL,
        message_type TEXT NOT NULL,
        tenant_id TEXT NOT NULL,
        of_kind TEXT NOT NULL,
        of_id UUID NOT NULL,
        sent_at TIMESTAMP WITH TIME ZONE,
        missed_at TIMESTAMP WITH TIME ZONE,
        copies TEXT[] NOT NULL,
        CONSTRAINT awaited_receipt_pk PRIMARY KEY (rail, message_id),
        CONSTRAINT awaited_receipt_of_kind_ck CHECK (of_kind IN ('conversation', 'payment', 'incoming_transfer'))
    )
    """,
    "CREATE INDEX awaited_receipt_copies_ix ON awaited_receipt USING gin (copies)",
    "CREATE INDEX awaited_receipt_of_id_ix ON awaited_receipt (of_id)",
    """
    CREATE INDEX awaited_receipt_late_ix ON awaited_receipt (rail, sent_at)
    WHERE missed_at IS NULL AND sent_at IS NOT NULL
    """,
    "CREATE INDEX awaited_receipt_missed_ix ON awaited_receipt (rail, missed_at) WHERE missed_at IS NOT NULL",
    """
    COMMENT ON COLUMN awaited_receipt.of_id IS
        'The conversation, payment or incoming transfer that it is part of.'
    """,
    "COMMENT ON COLUMN awaited_receipt.sent_at IS 'None: it is not known that it has left.'",
    "COMMENT ON COLUMN awaited_receipt.missed_at IS 'When the receipt was found missing.'",
    "COMMENT ON COLUMN awaited_receipt.copies IS 'The ids of the copies that were sent before.'",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON awaited_receipt TO fifteen_application",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the former revision does not know of what is kept."""
    raise RuntimeError(
        "what was found missing may be kept, which the former revision cannot read: there is no way back"
    )
