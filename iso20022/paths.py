"""Elements by local name, and the named XPath of an element as findings write it."""

from collections.abc import Iterator

from lxml import etree


def local_name(tag: str) -> str:
    """The last part of a Clark name (``{namespace}Name``) or of a path."""
    return tag.rpartition("}")[2].rpartition("/")[2]


def namespace_of(tag: str) -> str:
    """The namespace of a Clark name, ``""`` where it has none."""
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def line_of(element: etree._Element) -> int | None:
    """The line of the element's start tag in the text it was read from, None for one that was built."""
    line: object = element.sourceline
    return line if isinstance(line, int) else None


def holds(condition: etree.XPath, element: etree._Element, **variables: int) -> bool:
    """Whether a compiled XPath condition is true of the element."""
    return condition(element, **variables) is True


def first_element(selection: etree.XPath, element: etree._Element) -> etree._Element | None:
    """The first element that a compiled XPath selects, None where it selects none."""
    found = selection(element)
    first = found[0] if isinstance(found, list) and found else None
    return None if first is None or not etree.iselement(first) else first


def child_elements(element: etree._Element) -> Iterator[etree._Element]:
    """The child elements, comments and processing instructions left out."""
    return element.iterchildren("*")


def children_named(element: etree._Element, name: str) -> list[etree._Element]:
    """The child elements in the parent's own namespace with this local name."""
    return element.findall(f"{{{namespace_of(str(element.tag))}}}{name}")


def named_xpath(element: etree._Element, top: etree._Element) -> str:
    """The element's path from ``top``, by local names, with an index only where a sibling has the same name.

    ``/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[2]/PmtId/UETR``
    """
    steps: list[str] = []
    current: etree._Element | None = element
    while current is not None:
        steps.append(local_name(str(current.tag)))
        if current is top:
            break
        steps[-1] += _index(current)
        current = current.getparent()
    return "/" + "/".join(reversed(steps))


def _index(element: etree._Element) -> str:
    parent = element.getparent()
    same = [] if parent is None else list(parent.iterchildren(element.tag))
    return f"[{same.index(element) + 1}]" if len(same) > 1 else ""
