"""Which message type a namespace belongs to, and the other way round."""

import re
from typing import Final

ISO_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
"""What every ISO 20022 message namespace begins with; the message identifier follows."""

_MESSAGE_TYPE: Final = re.compile(r"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}")

# Documents whose namespace is not ISO's.
_OTHER_NAMESPACES: Final = {
    "urn:swift:xsd:admi.998.001.02": "admi.998.001.02",
    "urn:iso:std:ma:20022:tech:xsd:admn.007.001.01": "admn.007.001.01",
    "urn:iso:std:ma:20022:tech:xsd:admn.008.001.01": "admn.008.001.01",
}
_NAMESPACES: Final = {message_type: namespace for namespace, message_type in _OTHER_NAMESPACES.items()}


def message_type_of(namespace: str) -> str | None:
    """The message type that a namespace names (``pacs.008.001.08``), None where it names none."""
    if namespace in _OTHER_NAMESPACES:
        return _OTHER_NAMESPACES[namespace]
    name = namespace.removeprefix(ISO_NAMESPACE)
    return name if name != namespace and _MESSAGE_TYPE.fullmatch(name) else None


def namespace_of_message(message_type: str) -> str:
    """The namespace of a message type's Document, or of a header."""
    return _NAMESPACES.get(message_type, ISO_NAMESPACE + message_type)
