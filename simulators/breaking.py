"""Documents that break a rule of their rail, which the simulated one lets pass: as a test orders them."""

from __future__ import annotations

from collections.abc import Mapping

from iso20022 import Element
from iso20022.paths import children_named


def rewritten(document: Element, writes: Mapping[str, str | None]) -> Element:
    """Write these texts into a Document, each at its path below the message's element; return the Document.

    None takes the element away.

    Raises:
        ValueError: there is no such element.

    """
    for path, text in writes.items():
        found = document[0]
        for step in path.split("/"):
            children = children_named(found, step)
            if not children:
                raise ValueError(f"the message has no {path}")
            found = children[0]
        if text is None:
            parent = found.getparent()
            assert parent is not None, "an element below another"
            parent.remove(found)
        else:
            found.text = text
    return document
