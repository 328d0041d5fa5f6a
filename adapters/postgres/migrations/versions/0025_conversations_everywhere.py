"""Conversations of the other region are shown here: their acts are noted as they come, and folded (docs/adr/0037).

What is folded from then on a program of the former revision takes for its own: it joins a conversation with its row
whatever `region` says, and would write an answer in a region that is not the conversation's home. So it is ended first,
as with revision 0013. What was replicated before is noted here; `fifteen region init` attaches the trigger where
regions are set up later.

Revision ID: 0025
"""

from typing import Final

from alembic import op

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None
phase = "pre"
ends_older_code = True

STATEMENTS: Final = (
    "SET LOCAL lock_timeout = '5s'",
    # In the order in which whoever opens a conversation locks them, up to 0027, which is made in the same transaction:
    # in another order each would hold what the other wants. All that follows has its locks by then.
    "LOCK TABLE conversation, conversation_state, conversation_event, conversation_message IN ACCESS EXCLUSIVE MODE",
    """
    ALTER TABLE conversation_state
        ADD COLUMN region TEXT,
        ADD COLUMN epoch BIGINT DEFAULT 1 NOT NULL
    """,
    """
    COMMENT ON COLUMN conversation_state.region IS
        'The other region, where the conversation began there: here it is shown; none: it is this region''s own.'
    """,
    # As `note_replicated_event`, it runs where the other region's rows are applied, and must never fail.
    """
    CREATE FUNCTION note_replicated_act() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO public.projection_due (payment_id, at) VALUES (NEW.conversation_id, NEW.at);
        RETURN NULL;
    END
    $$
    """,
    # The other region's partitions are those that are guarded. They are locked since the beginning: whoever applies
    # waits until this commits, so that no act is missed between the two, and none is noted twice.
    """
    DO $$
    DECLARE
        foreign_events REGCLASS;
    BEGIN
        FOR foreign_events IN
            SELECT child.inhrelid::regclass FROM pg_inherits AS child JOIN pg_trigger AS guard ON guard.tgrelid = inhrelid
            WHERE child.inhparent = 'conversation_event'::regclass AND guard.tgname = 'refuse_foreign_rows'
        LOOP
            EXECUTE format(
                'CREATE TRIGGER note_replicated_act AFTER INSERT ON %s FOR EACH ROW '
                'EXECUTE FUNCTION note_replicated_act()', foreign_events);
            EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER note_replicated_act', foreign_events);
            EXECUTE format(
                'INSERT INTO projection_due (payment_id, at) SELECT conversation_id, max(at) FROM %s '
                'GROUP BY conversation_id', foreign_events);
        END LOOP;
    END
    $$
    """,
)


def upgrade() -> None:
    """Add."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Take it away again: what is shown of the other region's was folded, and can be again."""
    op.execute("DROP FUNCTION note_replicated_act CASCADE")
    op.execute("DELETE FROM projection_due WHERE payment_id IN (SELECT conversation_id FROM conversation)")
    op.execute("DELETE FROM conversation_state WHERE region IS NOT NULL")
    op.execute("ALTER TABLE conversation_state DROP COLUMN region, DROP COLUMN epoch")
