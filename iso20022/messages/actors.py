"""Who takes part in a payment or an investigation: persons, organisations, institutions, and their accounts."""

from dataclasses import dataclass
from typing import Final

from iso20022.identifiers import RoutingNumber
from iso20022.messages.agents import CLEARING_SYSTEM, CLEARING_SYSTEM_PATH, MEMBER_PATH
from iso20022.messages.party import PostalAddress
from iso20022.messages.shape import CODED, PERSONAL, TEXT, Alternative, Code, Leaf, OneOf, Proprietary, Shape
from iso20022.personal import Personal

ADDRESS: Final = Shape(
    PostalAddress,
    (
        ("AdrTp/Cd", "address_type", TEXT),
        ("Dept", "department", PERSONAL),
        ("SubDept", "sub_department", PERSONAL),
        ("StrtNm", "street_name", PERSONAL),
        ("BldgNb", "building_number", PERSONAL),
        ("BldgNm", "building_name", PERSONAL),
        ("Flr", "floor", PERSONAL),
        ("PstBx", "post_box", PERSONAL),
        ("Room", "room", PERSONAL),
        ("PstCd", "post_code", PERSONAL),
        ("TwnNm", "town_name", PERSONAL),
        ("TwnLctnNm", "town_location_name", PERSONAL),
        ("DstrctNm", "district_name", PERSONAL),
        ("CtrySubDvsn", "country_sub_division", PERSONAL),
        ("Ctry", "country", TEXT),
        ("AdrLine", "address_lines", PERSONAL),
    ),
)
"""A postal address; a proprietary address type is not in the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherIdentification:
    """An identifier under a scheme, such as a tax number (``Othr``)."""

    id: Personal
    scheme: Code | Proprietary | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationIdentification:
    """What identifies an organisation (``OrgId``)."""

    any_bic: str | None = None
    lei: str | None = None
    others: tuple[OtherIdentification, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthPlace:
    """Where and when a person was born."""

    birth_date: Personal
    province: Personal | None = None
    city: Personal
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonIdentification:
    """What identifies a person (``PrvtId``)."""

    birth: BirthPlace | None = None
    others: tuple[OtherIdentification, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherContact:
    """Another way to reach someone: the channel, and the address in it."""

    channel: str
    id: Personal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactDetails:
    """How someone is reached."""

    name_prefix: str | None = None
    name: Personal | None = None
    phone_number: Personal | None = None
    mobile_number: Personal | None = None
    fax_number: Personal | None = None
    email_address: Personal | None = None
    email_purpose: Personal | None = None
    job_title: Personal | None = None
    responsibility: Personal | None = None
    department: Personal | None = None
    others: tuple[OtherContact, ...] = ()
    preferred_method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyDetails:
    """A person or an organisation, all that ``PartyIdentification135`` says of it; none of it is mandatory."""

    name: Personal | None = None
    address: PostalAddress | None = None
    identification: OrganisationIdentification | PersonIdentification | None = None
    country_of_residence: str | None = None
    contact: ContactDetails | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An institution: on these rails by its number with the clearing system, which FedNow names and RTP does not.

    Without a member id there is no clearing system either. ``branch_id`` is the branch's own; a branch's name and
    address, and a proprietary clearing system, are not in the value.
    """

    member_id: RoutingNumber | None = None
    clearing_system: str | None = CLEARING_SYSTEM
    bic: str | None = None
    lei: str | None = None
    name: str | None = None
    address: PostalAddress | None = None
    other: OtherIdentification | None = None
    branch_id: str | None = None

    def __post_init__(self) -> None:
        """Drop the clearing system of which the agent is no member: no message can say it."""
        if self.member_id is None:
            object.__setattr__(self, "clearing_system", None)


@dataclass(frozen=True, slots=True)
class Iban:
    """An international bank account number; neither rail uses it, but an original message may."""

    text: Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """What stands for an account number: a telephone number, an address, a token."""

    proxy_type: Code | Proprietary | None = None
    id: Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account, by its number with its institution or by its IBAN; perhaps known by a proxy such as a token."""

    id: OtherIdentification | Iban
    account_type: Code | Proprietary | None = None
    currency: str | None = None
    name: Personal | None = None
    proxy: Proxy | None = None


OTHER_IDENTIFICATION: Final = Shape(
    OtherIdentification, (("Id", "id", PERSONAL), ("SchmeNm", "scheme", CODED), ("Issr", "issuer", TEXT))
)
"""An identifier under a scheme."""

_ORGANISATION: Final = Shape(
    OrganisationIdentification,
    (("AnyBIC", "any_bic", TEXT), ("LEI", "lei", TEXT), ("Othr", "others", OTHER_IDENTIFICATION)),
    opaque=True,
)
_BIRTH: Final = Shape(
    BirthPlace,
    (
        ("BirthDt", "birth_date", PERSONAL),
        ("PrvcOfBirth", "province", PERSONAL),
        ("CityOfBirth", "city", PERSONAL),
        ("CtryOfBirth", "country", TEXT),
    ),
)
_PERSON: Final = Shape(
    PersonIdentification,
    (("DtAndPlcOfBirth", "birth", _BIRTH), ("Othr", "others", OTHER_IDENTIFICATION)),
    opaque=True,
)
_IDENTIFICATION: Final = OneOf(
    {
        "organisation": Alternative("OrgId", OrganisationIdentification, _ORGANISATION),
        "person": Alternative("PrvtId", PersonIdentification, _PERSON),
    }
)
_CONTACT: Final = Shape(
    ContactDetails,
    (
        ("NmPrfx", "name_prefix", TEXT),
        ("Nm", "name", PERSONAL),
        ("PhneNb", "phone_number", PERSONAL),
        ("MobNb", "mobile_number", PERSONAL),
        ("FaxNb", "fax_number", PERSONAL),
        ("EmailAdr", "email_address", PERSONAL),
        ("EmailPurp", "email_purpose", PERSONAL),
        ("JobTitl", "job_title", PERSONAL),
        ("Rspnsblty", "responsibility", PERSONAL),
        ("Dept", "department", PERSONAL),
        ("Othr", "others", Shape(OtherContact, (("ChanlTp", "channel", TEXT), ("Id", "id", PERSONAL)))),
        ("PrefrdMtd", "preferred_method", TEXT),
    ),
    opaque=True,
)

PARTY: Final = Shape(
    PartyDetails,
    (
        ("Nm", "name", PERSONAL),
        ("PstlAdr", "address", ADDRESS),
        ("Id", "identification", _IDENTIFICATION),
        ("CtryOfRes", "country_of_residence", TEXT),
        ("CtctDtls", "contact", _CONTACT),
    ),
)
"""A person or an organisation."""

AGENT: Final = Shape(
    Agent,
    (
        ("FinInstnId/BICFI", "bic", TEXT),
        (CLEARING_SYSTEM_PATH, "clearing_system", TEXT),
        (MEMBER_PATH, "member_id", TEXT),
        ("FinInstnId/LEI", "lei", TEXT),
        ("FinInstnId/Nm", "name", TEXT),
        ("FinInstnId/PstlAdr", "address", ADDRESS.unnamed()),
        ("FinInstnId/Othr", "other", OTHER_IDENTIFICATION),
        ("BrnchId/Id", "branch_id", TEXT),
    ),
    always="FinInstnId",
)
"""An institution."""

ACCOUNT: Final = Shape(
    Account,
    (
        (
            "Id",
            "id",
            OneOf(
                {
                    "iban": Alternative(
                        "IBAN", Iban, Leaf(lambda text: Iban(Personal(text)), lambda iban: iban.text.reveal())
                    ),
                    "other": Alternative("Othr", OtherIdentification, OTHER_IDENTIFICATION),
                }
            ),
        ),
        ("Tp", "account_type", CODED),
        ("Ccy", "currency", TEXT),
        ("Nm", "name", PERSONAL),
        ("Prxy", "proxy", Shape(Proxy, (("Tp", "proxy_type", CODED), ("Id", "id", PERSONAL)))),
    ),
)
"""An account."""

Actor = PartyDetails | Agent
"""Who acts: a customer, or an institution for itself."""

ACTOR: Final = OneOf(
    {"party": Alternative("Pty", PartyDetails, PARTY.unnamed()), "agent": Alternative("Agt", Agent, AGENT)}
)
"""Who acts: the choice between ``Pty`` and ``Agt``; no rule looks into a party here."""


def known_as(agent: Agent | None) -> str:
    """How a line for people names an institution: by its number, or by what else there is."""
    if agent is None:
        return "?"
    return agent.member_id or agent.bic or agent.lei or "?"


def actor_known_as(actor: Actor | None) -> str:
    """How a line for people names who acts: an institution by its number, a customer masked."""
    if isinstance(actor, PartyDetails):
        return "***"
    return known_as(actor)
