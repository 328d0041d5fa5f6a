"""What the codes of our own findings mean. The finding itself says what is wrong with the one message at hand."""

from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry
from iso20022.code_book.fednow_findings import FEDNOW_FINDINGS
from iso20022.code_book.finding_rows import FindingRow, finding_entries
from iso20022.code_book.rtp_findings import RTP_FINDINGS

_OWN: Final = "our own: what a hardened reader takes in (docs/validation.md)"
_SCHEMA: Final = "the message type's XML Schema"
_RECORDS: Final = "sample messages published for FedNow, and public RTP schemas"
_ISO: Final = "ISO 20022 message definitions"
_SIGNED: Final = "FedNow Operating Procedures (October 2024) and public RTP samples; docs/signatures.md"
_REFUSED: Final = "our own: neither rail's list is public (docs/settings.md)"
_API: Final = "our own API (docs/api.md)"

_READING: Final[tuple[FindingRow, ...]] = (
    ("XML_EMPTY", "There is nothing in the body.", "Send the message as the body."),
    ("XML_TOO_LARGE", "The body is larger than any real message.", "One payment per message, no attachments."),
    ("XML_ENCODING", "The bytes are not UTF-8, or say that they are something else.", "Encode as UTF-8."),
    ("XML_NUL", "There is a NUL byte.", "Write the message as text."),
    ("XML_DECLARATION", "The XML declaration is not well formed.", 'Begin with <?xml version="1.0"?>.'),
    ("XML_VERSION", "The message is not XML 1.0.", "Declare version 1.0."),
    ("XML_DOCTYPE", "There is a DOCTYPE: it can make a parser read files or swell.", "Remove it."),
    ("XML_ENTITY", "An entity is used that is not one of XML's own five.", "Write the character itself."),
    ("XML_CDATA", "There is a CDATA section, which signatures and readers see differently.", "Write plain text."),
    ("XML_PROCESSING_INSTRUCTION", "There is a processing instruction.", "Remove it."),
    ("XML_COMMENT_IN_VALUE", "A comment splits a value: readers would see different values.", "Move the comment."),
    ("XML_SCHEMA_INSTANCE", "An attribute such as xsi:type or xsi:nil would change the schema.", "Remove it."),
    ("XML_XINCLUDE", "The message asks for content from elsewhere.", "Remove the XInclude element."),
    ("XML_TOO_DEEP", "Elements are nested deeper than any real message.", "Look for an element that is not closed."),
    ("XML_TOO_MANY_ELEMENTS", "There are more elements than in any real message.", "One payment per message."),
    ("XML_TOO_MANY_ATTRIBUTES", "There are more attributes than in any real message.", "Ccy is the usual one."),
    ("XML_NAMESPACE_TOO_LONG", "A namespace is longer than any real one.", "Use the message type's namespace."),
    ("XML_NAMESPACE_RELATIVE", "A namespace is no absolute URI.", "Use the message type's namespace."),
    ("XML_TEXT_TOO_LONG", "One text is longer than any type allows.", "Shorten it."),
    ("XML_TRAILING_CONTENT", "Something stands after the root element.", "Send one message per body."),
    ("XML_SYNTAX", "The text is not well-formed XML.", "Correct it at the line and column given."),
)
_ENVELOPES: Final[tuple[FindingRow, ...]] = (
    ("ENVELOPE_UNKNOWN", "The root element is none that we know.", "Check its name and namespace."),
    ("ENVELOPE_CONTENT", "The envelope does not hold what it should.", "Header, then Document, nothing else."),
    ("ENVELOPE_RAIL", "The envelope is another rail's.", "Validate it for the rail that it belongs to."),
    ("HEADER_VERSION", "The header is not of the type that the rail uses.", "Use the rail's header."),
    ("ENVELOPE_DIRECTION", "The envelope is that of the other direction.", "Check which way the message travels."),
    ("ENVELOPE_HEADER", "The header is of another type or version than the rail's.", "Use the rail's header."),
    ("ENVELOPE_WRAPPER", "The envelope holds a wrapper that this direction does not have.", "Use one of its own."),
    ("ENVELOPE_WRAPPER_MESSAGE", "The wrapper belongs to another message type.", "Use the message's own wrapper."),
    ("NAMESPACE_UNKNOWN", "The namespace names no message type.", "Copy it from the message definition."),
    ("UNSUPPORTED_MESSAGE", "The rail does not use this message type.", "See docs/messages.md for those it uses."),
    ("UNSUPPORTED_VERSION", "The rail uses another version of this message.", "Build the version that is named."),
    ("HEADER_ONLY", "There is a header, but no Document that it announces.", "Send both together."),
)
_STRUCTURE: Final[tuple[FindingRow, ...]] = (
    ("XSD_MISSING", "A mandatory element is missing.", "Add it where the finding says."),
    ("XSD_UNEXPECTED", "An element stands where there is none.", "Check its spelling and namespace, or remove it."),
    ("XSD_ORDER", "An element stands in the wrong place among its siblings.", "The order is fixed: move it."),
    ("XSD_TOO_MANY", "An element stands more often than it may.", "Remove the surplus."),
    ("XSD_TEXT", "There is text where only elements belong.", "Remove it, or put it into its element."),
    ("XSD_ATTRIBUTE_MISSING", "A mandatory attribute is missing.", 'Add it, for example Ccy="USD".'),
    ("XSD_ATTRIBUTE_UNEXPECTED", "There is an attribute that the element does not have.", "Remove it."),
    ("XSD_ENUMERATION", "The value is none of the code words of its type.", "Use one of those named."),
    ("XSD_PATTERN", "The value does not have the form of its type.", "Write it in the form that is named."),
    ("XSD_LENGTH", "The value is too short or too long.", "Complete or shorten it."),
    ("XSD_DIGITS", "The number has too many digits.", "Write fewer; amounts have two decimals."),
    ("XSD_RANGE", "The number is too small or too large.", "Correct it."),
    ("XSD_TYPE", "The value is no date, time, number or truth value, whichever its type is.", "Correct its form."),
    ("XSD_INVALID", "The schema refuses the message in a way that has no name of its own.", "See the schema."),
    ("XSD_MORE", "There are more findings than are listed.", "Mend these and validate again."),
)
_VALUES: Final[tuple[FindingRow, ...]] = (
    ("VALUE_MISSING", "An element is missing without which the message says nothing.", "Add it."),
    ("VALUE_AMOUNT", "The amount is no whole number of cents.", "Write at most two decimals."),
    ("VALUE_DATE", "The text is no date.", "Write it as 2026-01-31."),
    ("VALUE_TIME", "The text is no point in time.", "Write it as 2026-01-31T09:30:00-05:00."),
    ("VALUE_TIME_OFFSET", "The time does not say its offset from UTC.", "Add it, or Z."),
    ("VALUE_STATUS", "The status is none that is known.", "Use one of ISO's codes."),
    ("VALUE_CODE", "The text is no code word that is known here.", "Use one of ISO's codes."),
    ("VALUE_COUNT", "A count is no whole number.", "Write digits."),
    ("VALUE_CURRENCY", "An amount is in another currency than the US dollar.", 'Write Ccy="USD".'),
    ("VALUE_TRUTH", "The text is neither true nor false.", "Write true or false."),
    ("VALUE_COPY_DUPLICATE", "CpyDplct is none of its code words.", "Use one of ISO's codes."),
)
_BUILDING: Final[tuple[FindingRow, ...]] = (
    ("BUILD_NO_HEADER", "A repeat is marked in the header, and there is none.", "Wrap the Document first."),
    ("BUILD_CHARACTER", "A text holds a character that XML cannot carry.", "Remove control characters."),
    ("BUILD_ENVELOPE", "No wrapper of the envelope fits the message.", "Name the wrapper, or use another envelope."),
)


_SIGNATURES: Final[tuple[FindingRow, ...]] = (
    ("SIGNATURE_MISSING", "The message is not signed.", "Sign it; FedNow's PING alone is not."),
    ("SIGNATURE_SEVERAL", "There is more than one signature.", "Nobody but the sender signs."),
    ("SIGNATURE_PLACE", "The signature does not stand alone in the header's Sgntr.", "Put it there."),
    ("SIGNATURE_SHAPE", "The signature has other parts than those of the rail's samples.", "Leave out what is more."),
    ("SIGNATURE_REFERENCE", "The signature does not cover the whole message.", "Sign the whole message."),
    ("SIGNATURE_CANONICALISATION", "The message was made canonical in an unknown way.", "Use a known variant."),
    ("SIGNATURE_ALGORITHM", "The algorithm is not the one that belongs to the key.", "SHA-256 with the key's own."),
    ("SIGNATURE_TEXT", "Digest, signature or serial number are not plainly written.", "Write plain base64."),
    ("SIGNATURE_NAMESPACES", "There are more namespaces than a signed message may declare.", "Declare each once."),
    ("SIGNATURE_FORM", "The detached signature does not have its form.", "See docs/signatures.md."),
    ("SIGNATURE_KEY_UNKNOWN", "The key is not registered.", "Register it, or sign with a registered one."),
    ("SIGNATURE_KEY_NOT_YET_VALID", "The key's validity has not begun.", "Sign with a key that counts already."),
    ("SIGNATURE_KEY_EXPIRED", "The key's validity has ended.", "Register a new key."),
    ("SIGNATURE_KEY_REVOKED", "The key was revoked.", "Sign with another key."),
    ("SIGNATURE_KEY_COMPROMISED", "The key is known to others.", "Sign with another key; find out who has it."),
    ("SIGNATURE_KEY_KIND", "The key came without the certificate that the signature refers to.", "Register that."),
    ("SIGNATURE_DIGEST", "What is here is not what was signed.", "Send the message as it was signed."),
    ("SIGNATURE_VALUE", "The signature is not that of the key that it names.", "Sign with that key."),
    ("SIGNING_KEY_NONE", "There is no key of ours to sign with.", "Make and register a key."),
    ("SIGNING_NOT_RTP", "What is to be signed for RTP is no Message with a header.", "Wrap it first."),
    ("SIGNING_TWICE", "The message is signed already.", "Sign it as it was before."),
    ("KEY_VALIDITY_LONG", "The key lives longer than is advised.", "Replace it earlier."),
    ("KEY_EXPIRES_SOON", "The key ends soon, and nobody else reminds.", "Register a new one."),
    ("KEY_ALONE", "There is one active key only.", "Register a second one."),
)
_REQUESTS: Final[tuple[FindingRow, ...]] = (
    ("RAIL_NOT_SERVED", "The gateway does not serve the rail that is named, or shown.", "Send it over another."),
    ("NOT_A_TRANSFER", "The gateway takes in transfers alone.", "Send a pacs.008, or a pacs.009 for liquidity."),
    ("RAIL_WITHOUT_LIQUIDITY", "No liquidity transfer goes over that rail by this gateway.", "Use another rail."),
    ("FORM_REQUIRED", "A member of the JSON payment is missing.", "Add it."),
    ("FORM_UNKNOWN_MEMBER", "There is a member that the API does not know.", "Check its name."),
    ("FORM_TYPE", "A member is of another type.", "See /openapi.json."),
    ("FORM_LENGTH", "A text is too short or too long.", "Complete or shorten it."),
    ("FORM_CHARACTER", "A text holds a character that XML cannot carry.", "Remove control characters."),
    ("FORM_AMOUNT", "The amount is no amount of dollars and cents.", 'Write it as text: "51.74".'),
    ("FORM_AMOUNT_NUMBER", "The amount is a JSON number, which readers round.", 'Write it as text: "51.74".'),
    ("FORM_CURRENCY", "The currency is not the US dollar.", "Write USD."),
    ("FORM_RAIL", "The rail is none that there is.", "Write fednow or rtp."),
    ("FORM_ROUTING_NUMBER", "A routing number is not nine digits.", "Write the nine digits."),
    ("FORM_UETR", "The UETR is no version 4 UUID in lower case.", "Write it so, or leave it out."),
    ("FORM_ANSWER", "The answer is none that the API knows there.", "Use one of those named."),
    (
        "FORM_CODES",
        "The codes of a question are none, or none are named.",
        "Name codes of ISO 20022, such as MS01 or IN01.",
    ),
    ("FORM_DATE", "A day, or a point in time, is none.", "Write a day as YYYY-MM-DD, an instant with its offset."),
    (
        "FORM_INFORMATION",
        "What is told does not fit the answer, or its lines are none.",
        "Give lines with informed alone.",
    ),
    ("FORM_KIND", "The kind of report is none that the rail makes.", "Use one of those named."),
    ("FORM_NOTE", "A note of an operator is missing, or too long.", "Say in a sentence why."),
    ("FORM_OUTCOME", "The outcome of a posting is none that the API knows.", "Use one of those named."),
    ("FORM_SETTLED", "It is not said whether the rail has settled the transfer.", "Say true or false."),
    ("FORM_REASON_CODE", "A refused or blocked posting names no ISO reason.", "Add a code such as AC06."),
    ("FORM_REASON_NOT_TAKEN", "The rail takes no return for this reason.", "Use one of those named."),
    ("FORM_TEXT", "The words beside a reason are empty, too long, or no single line.", "Shorten them."),
    ("FORM_ACTION", "The action is none that the API knows.", "Use one of those named."),
    ("FORM_SUBJECT", "What is asked of a rail is not about such a subject.", "Name an institution, a point or nobody."),
    ("FORM_DECISION", "The decision is none that the API knows.", "Use one of those named."),
)
_REFUSALS: Final[tuple[FindingRow, ...]] = (
    (
        "VALUE_REFUSAL_CODE",
        "The rail refused the message (admi.002), and the code does not say that no copy of it was processed.",
        "Ask the rail's support what it means; where it is definite, add it to the rail's DEFINITE_REFUSAL_CODES.",
    ),
)
_INFORMATIVE: Final = frozenset({"HEADER_ONLY", "XSD_MORE", "KEY_VALIDITY_LONG", "KEY_EXPIRES_SOON", "KEY_ALONE"})

FINDINGS: Final[tuple[CodeEntry, ...]] = (
    *finding_entries(_READING, _OWN),
    *finding_entries(_ENVELOPES, _RECORDS, informative=_INFORMATIVE),
    *finding_entries(_STRUCTURE, _SCHEMA, informative=_INFORMATIVE),
    *finding_entries(_VALUES, _ISO),
    *finding_entries(_REFUSALS, _REFUSED, actor=Actor.SENDER, informative=frozenset({"VALUE_REFUSAL_CODE"})),
    *finding_entries(_BUILDING, _ISO, actor=Actor.SENDER),
    *finding_entries(_SIGNATURES, _SIGNED, actor=Actor.SENDER, informative=_INFORMATIVE),
    *finding_entries(_REQUESTS, _API),
    *FEDNOW_FINDINGS,
    *RTP_FINDINGS,
)
"""Every code that a finding of ours may carry."""
