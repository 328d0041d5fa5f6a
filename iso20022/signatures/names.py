"""Distinguished names as text, made comparable: writers differ in spaces, in capitals of types, in short names.

RFC 4514 is what XMLDSig asks for; "S" for a state and "E" for an e-mail address are Windows' and OpenSSL's habits.
"""

from functools import lru_cache
from typing import Final

_ALIASES: Final = {"S": "ST", "E": "1.2.840.113549.1.9.1", "EMAILADDRESS": "1.2.840.113549.1.9.1", "SURNAME": "SN"}
_SPECIAL: Final = frozenset('"+,;<>\\ #=')
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_NAME_CHARACTERS_MAX: Final = 1_000  # the longest names in use are a quarter of this

NormalName = tuple[tuple[str, str], ...]
"""Type and value of each part, in the order of the text; the parts of one level stay neighbours."""


class InvalidNameError(ValueError):
    """The text is no distinguished name."""


@lru_cache(maxsize=1_024)
def normal_name(text: str) -> NormalName:
    """The name in the form in which equal names are equal. Raises InvalidNameError."""
    if not text.strip() or len(text) > _NAME_CHARACTERS_MAX:
        raise InvalidNameError(f"it has {len(text)} characters")
    return tuple(_pair(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    """The text cut at separators that are neither escaped nor quoted; a ``+`` stays in front of what it joins."""
    parts, start, position, quoted = [], 0, 0, False
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == '"':
            quoted = not quoted
        elif character in ",;+" and not quoted:
            parts.append(text[start:position])
            start = position if character == "+" else position + 1
        position += 1
    if quoted:
        raise InvalidNameError("a quotation is not closed")
    return [*parts, text[start:]]


def _pair(part: str) -> tuple[str, str]:
    kind, equals, value = part.partition("=")
    joined = kind.startswith("+")
    kind = kind.removeprefix("+").strip().upper()
    if not equals or not kind.replace(".", "").replace("-", "").isalnum():
        raise InvalidNameError(f"{part.strip()[:40]!r} is not TYPE=value")
    return ("+" if joined else "") + _ALIASES.get(kind, kind), _value(value)


def _value(text: str) -> str:
    """The value without escapes, outer quotes and the spaces around it that are not escaped."""
    text = text.lstrip(" ")
    if text.startswith('"'):
        text = text.rstrip(" ")
        if len(text) < 2 or not text.endswith('"'):
            raise InvalidNameError("something stands beside a quotation")
        text = text[1:-1]
    read, kept, position = bytearray(), 0, 0
    while position < len(text):
        character = text[position]
        if character != "\\":
            read += character.encode()
            kept = len(read) if character != " " else kept
            position += 1
            continue
        escaped = text[position + 1 : position + 3]
        if len(escaped) == 2 and _HEXADECIMAL.issuperset(escaped):
            read.append(int(escaped, 16))
            position += 3
        elif escaped and escaped[0] in _SPECIAL:
            read += escaped[0].encode()
            position += 2
        else:
            raise InvalidNameError("an escape is not complete")
        kept = len(read)
    try:
        return bytes(read[:kept]).decode()
    except UnicodeDecodeError as error:
        raise InvalidNameError("an escape is not UTF-8") from error
