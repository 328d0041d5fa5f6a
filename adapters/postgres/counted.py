"""Rows that ride on others are counted: as many are saved as were sent, or nothing of the statement is."""

from __future__ import annotations

from collections.abc import Mapping


def whole(sent: Mapping[str, str], *, over: str) -> str:
    """Return a condition for the last query of a statement, which holds; or the statement fails, and saves nothing.

    `sent` names what inserts, or deletes, in the statement's WITH, each with the aggregate that says `over` another
    query how many rows of it there have to be. Each returns its rows. A join that loses rows, or a trigger, does so
    without a word. It is counted within the statement: the count takes no round trip, and there is no commit before it.

    The condition is false nowhere: where a count differs, its text is read as a boolean, which is invalid, and the
    error quotes it. So it is an `asyncpg.DataError`, and what has brought a batch down is found as any bad row is.
    """
    expected = ", ".join(f"coalesce({count}, 0) AS {name}" for name, count in sent.items())
    counted = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in sent)  # noqa: S608 - put together from constants
    return f"""(
    SELECT CASE WHEN sent = saved THEN true
        ELSE format('rows that belong together: %s were sent, %s saved', to_json(sent), to_json(saved))::boolean END
    FROM (SELECT {expected} FROM {over}) AS sent, (SELECT {counted}) AS saved
)"""  # noqa: S608 - put together from constants
