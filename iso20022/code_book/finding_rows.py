"""How the tables of our own finding codes become entries."""

from collections.abc import Mapping

from iso20022.code_book.entry import Actor, CodeEntry, CodeList, Nature

FindingRow = tuple[str, str, str]
"""Code, meaning, advice."""


def finding_entries(
    rows: tuple[FindingRow, ...],
    source: str,
    *,
    actor: Actor = Actor.AUTHOR,
    sources: Mapping[str, str] | None = None,
    actors: Mapping[str, Actor] | None = None,
    informative: frozenset[str] = frozenset(),
) -> tuple[CodeEntry, ...]:
    """The entries of rows that share source and actor, but for those mapped; ``informative`` ones refuse nothing."""
    return tuple(
        CodeEntry(
            code=code,
            code_list=CodeList.FINDING,
            meaning=meaning,
            nature=Nature.INFORMATION if code in informative else Nature.FINAL,
            actor=(actors or {}).get(code, actor),
            source=(sources or {}).get(code, source),
            advice=advice,
        )
        for code, meaning, advice in rows
    )
