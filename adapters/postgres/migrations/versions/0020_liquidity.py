"""Liquidity transfers: a payment whose money is the institution's own (docs/adr/0031).

From then on values are written that a program of the former revision cannot read (a payment held by `institution`; of
what arrives, an event that it does not know): it is ended first, as with revision 0013.

Revision ID: 0020
"""

from typing import Final

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
phase = "pre"
ends_older_code = True

HOLDERS: Final = "'tenant', 'core', 'arrived', 'institution'"

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    "ALTER TABLE payment DROP CONSTRAINT payment_funds_holder_ck",
    f"ALTER TABLE payment ADD CONSTRAINT payment_funds_holder_ck CHECK (funds_holder IN ({HOLDERS})) NOT VALID",
)


def upgrade() -> None:
    """Widen."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: the former revision does not know of what is kept."""
    raise RuntimeError("liquidity transfers may be kept, which the former revision cannot read: there is no way back")
