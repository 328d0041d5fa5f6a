"""The ledger: double-entry, append-only, per tenant and rail; what was paid before it is booked from the history.

Every step is additive: a program of the former revision goes on working while this runs (`pre`), but books nothing.
Run it with that program stopped, or run `fifteen ledger` afterwards: it names every payment that is not booked.

Revision ID: 0005
"""

from typing import Final

from alembic import op
from sqlalchemy import text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    """
    CREATE TABLE ledger_posting (
        region TEXT NOT NULL,
        payment_id UUID NOT NULL,
        tenant_id TEXT NOT NULL,
        rail TEXT NOT NULL,
        epoch BIGINT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        debit TEXT NOT NULL,
        credit TEXT NOT NULL,
        amount_cents BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT ledger_posting_pk PRIMARY KEY (payment_id, tenant_id, epoch, sequence, kind, region),
        CONSTRAINT ledger_posting_amount_cents_ck CHECK (amount_cents > 0),
        CONSTRAINT ledger_posting_two_sides_ck CHECK (debit <> credit),
        CONSTRAINT ledger_posting_kind_ck CHECK (kind IN ('reserve', 'post', 'void')),
        CONSTRAINT ledger_posting_debit_ck CHECK (debit IN ('funds', 'reserved', 'rail')),
        CONSTRAINT ledger_posting_credit_ck CHECK (credit IN ('funds', 'reserved', 'rail'))) PARTITION BY LIST (region)
    """,
    # Facts are only ever added: the application's role can neither change nor delete them.
    "GRANT SELECT, INSERT ON ledger_posting TO fifteen_application",
)

BOOK: Final = """
    WITH stands (state, account) AS (VALUES
        ('RECEIVED', 'funds'), ('REJECTED', 'funds'),
        ('SENDING', 'reserved'), ('IN_DOUBT', 'reserved'), ('AWAITING_OPERATOR', 'reserved'), ('RESEND_DUE', 'reserved'),
        ('SETTLED', 'rail'), ('ACCEPTED_WITHOUT_POSTING', 'rail'), ('RETURN_DUE', 'rail')
    ), way (stood_in, stands_in, kind, debit, credit) AS (VALUES
        ('funds', 'reserved', 'reserve', 'reserved', 'funds'),
        ('reserved', 'rail', 'post', 'rail', 'reserved'),
        ('reserved', 'funds', 'void', 'funds', 'reserved'),
        ('funds', 'rail', 'reserve', 'reserved', 'funds'),
        ('funds', 'rail', 'post', 'rail', 'reserved')
    )
    INSERT INTO ledger_posting (region, payment_id, tenant_id, rail, epoch, sequence, kind, debit, credit, amount_cents,
        at)
    SELECT event.region, event.payment_id, event.tenant_id, fact.rail, event.epoch, event.sequence, way.kind, way.debit,
        way.credit, fact.amount_cents, event.at
    FROM payment_event AS event
    JOIN payment AS fact ON fact.payment_id = event.payment_id
    JOIN stands AS former ON former.state = event.state_before
    JOIN stands AS latter ON latter.state = event.state_after
    JOIN way ON way.stood_in = former.account AND way.stands_in = latter.account
"""


def upgrade() -> None:
    """Add the table, and book what the history says."""
    for statement in STATEMENTS:
        op.execute(statement)
    for (region,) in op.get_bind().execute(text("SELECT DISTINCT region FROM payment")):
        op.execute(f"CREATE TABLE ledger_posting_{region} PARTITION OF ledger_posting FOR VALUES IN ('{region}')")
    op.execute(BOOK)


def downgrade() -> None:
    """Refuse: a ledger is not dropped by a program."""
    raise RuntimeError("a ledger is not dropped by a program: drop the table by hand if that is what is meant")
