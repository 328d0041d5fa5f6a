"""What an institution says against what is so stands with its transfer, and calls a person (docs/adr/0048).

So is found what a receiver has accepted without posting and has not spoken of since. Additive: a program of the former
revision goes on working while this runs (`pre`), and leaves the column as it is.

What stops meanwhile, each until the upgrade commits: from the first index on no payment is accepted or saved, while
all are read; from the new column on nothing of an incoming transfer is saved or read either, and what the rail brings
waits. It takes one look through `payment_state`, and then one through `incoming_state`: an index on a new column
cannot be made in one transaction with it and leave readers alone, so the look that does comes first. Where
there are millions of transfers, upgrade when few come, for the rail waits some seconds for an answer. Where a lock is
not to be had within 5 s nothing is done. Locks are taken in the order of all who take both: payments first.

Revision ID: 0030
"""

from typing import Final

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
phase = "pre"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    """
    CREATE INDEX payment_state_unposted_ix ON payment_state (final_at, payment_id)
    WHERE state = 'ACCEPTED_WITHOUT_POSTING'
    """,
    "ALTER TABLE incoming_state ADD COLUMN contrary_word TEXT",
    """
    COMMENT ON COLUMN incoming_state.contrary_word IS
        'What the institution has said against what is so, until somebody has seen to it.'
    """,
    """
    ALTER TABLE incoming_state ADD CONSTRAINT incoming_state_contrary_word_ck
        CHECK (contrary_word IN (
            'accept', 'reject', 'accept_without_posting', 'posted', 'refused', 'pending', 'blocked'
        )) NOT VALID
    """,
    "CREATE INDEX incoming_state_contrary_word_ix ON incoming_state (payment_id) WHERE contrary_word IS NOT NULL",
    "SET LOCAL lock_timeout = DEFAULT",
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again: the transfers' events say it too."""
    op.execute("DROP INDEX payment_state_unposted_ix")
    op.execute("ALTER TABLE incoming_state DROP COLUMN contrary_word")
