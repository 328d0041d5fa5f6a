"""The customers of a payment: name and postal address, all of it personal."""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from iso20022.layout import Row
from iso20022.paths import child_elements, children_named, local_name
from iso20022.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """A postal address (``PostalAddress24``): structured parts, or up to seven lines; the country by its ISO code."""

    address_type: str | None = None
    department: Personal | None = None
    sub_department: Personal | None = None
    street_name: Personal | None = None
    building_number: Personal | None = None
    building_name: Personal | None = None
    floor: Personal | None = None
    post_box: Personal | None = None
    room: Personal | None = None
    post_code: Personal | None = None
    town_name: Personal | None = None
    town_location_name: Personal | None = None
    district_name: Personal | None = None
    country_sub_division: Personal | None = None
    country: str | None = None
    address_lines: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A debtor or a creditor."""

    name: Personal
    address: PostalAddress | None = None


# In the schema's order, which is also the order of PostalAddress's own fields.
_PERSONAL_PARTS: Final = {
    "Dept": "department",
    "SubDept": "sub_department",
    "StrtNm": "street_name",
    "BldgNb": "building_number",
    "BldgNm": "building_name",
    "Flr": "floor",
    "PstBx": "post_box",
    "Room": "room",
    "PstCd": "post_code",
    "TwnNm": "town_name",
    "TwnLctnNm": "town_location_name",
    "DstrctNm": "district_name",
    "CtrySubDvsn": "country_sub_division",
}


def parse_address(element: etree._Element) -> PostalAddress:
    """The address at a ``PstlAdr`` element; a proprietary address type (``AdrTp/Prtry``) is left out."""
    parts: dict[str, Personal] = {}
    lines: list[Personal] = []
    address_type = country = None
    names = _PERSONAL_PARTS.get
    for child in child_elements(element):
        tag, text = str(child.tag), child.text or ""
        name = tag[tag.rfind("}") + 1 :]
        field = names(name)
        if field is not None:
            parts[field] = Personal(text)
        elif name == "AdrLine":
            lines.append(Personal(text))
        elif name == "Ctry":
            country = text
        elif name == "AdrTp":
            address_type = next(
                (code.text for code in child_elements(child) if local_name(str(code.tag)) == "Cd"), None
            )
    return PostalAddress(address_type=address_type, country=country, address_lines=tuple(lines), **parts)


def carries_all_of(element: etree._Element) -> bool:
    """Whether :func:`parse_address` reads all that the ``PstlAdr`` element says."""
    types = children_named(element, "AdrTp")
    return all(local_name(str(kind.tag)) == "Cd" for address_type in types for kind in child_elements(address_type))


def party_rows(path: str, party: Party) -> list[Row]:
    """The rows of a party at a path."""
    rows: list[Row] = [(f"{path}/Nm", party.name.reveal())]
    address = party.address
    if address is not None:
        rows.append((f"{path}/PstlAdr/AdrTp/Cd", address.address_type))
        for tag, field in _PERSONAL_PARTS.items():
            part: Personal | None = getattr(address, field)
            rows.append((f"{path}/PstlAdr/{tag}", None if part is None else part.reveal()))
        rows.append((f"{path}/PstlAdr/Ctry", address.country))
        rows += [
            (f"{path}/PstlAdr/AdrLine[{number}]", line.reveal())
            for number, line in enumerate(address.address_lines, start=1)
        ]
    return rows
