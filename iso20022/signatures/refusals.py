"""What is said of a signature that is not taken, and of keys: one table of codes, rules and remedies."""

from typing import Final

from iso20022.findings import Finding, Severity

RTP_REJECT_CODE: Final = "690"
"""What RTP answers in an admi.002 to a signature that it does not take (Citizens' public RTP guide)."""

RULES: Final[dict[str, tuple[str, str]]] = {
    "SIGNATURE_MISSING": ("A message is signed.", "Sign it; the only exception is FedNow's PING, which is not."),
    "SIGNATURE_SEVERAL": ("A message has one signature.", "Remove the others; nobody but the sender signs."),
    "SIGNATURE_PLACE": (
        "The signature stands alone in Message/AppHdr/Sgntr, and these three have no attributes.",
        "Put it there, and leave Sgntr out of the Document.",
    ),
    "SIGNATURE_SHAPE": (
        "The signature has exactly the parts of the rail's samples, with X509IssuerSerial and X509SubjectName.",
        "Leave out what is more (Id, Object, certificates, key values, transforms), and add what is missing.",
    ),
    "SIGNATURE_REFERENCE": ('The signature covers the whole message: URI="".', "Sign the whole message."),
    "SIGNATURE_CANONICALISATION": (
        "Canonicalisation and transforms are those of one of the two variants that are known.",
        "Use Canonical XML 1.0 with the transform of 1.1, or Exclusive Canonical XML for both; without comments.",
    ),
    "SIGNATURE_ALGORITHM": (
        "The algorithm is the one that belongs to the key, and the digest is SHA-256.",
        "Sign with the key's own algorithm; SHA-1, HMAC and DSA are never taken.",
    ),
    "SIGNATURE_TEXT": ("Digest, signature and serial number are plain base64 and a plain number.", "Write them so."),
    "SIGNATURE_NAMESPACES": (
        "A signed message declares at most {0} namespaces.",
        "Declare each namespace once, at the root.",
    ),
    "SIGNATURE_FORM": (
        "A detached signature is v1;key=ID;alg=ALGORITHM;sig=BASE64 and nothing else.",
        "Send it as docs/signatures.md says.",
    ),
    "SIGNATURE_KEY_UNKNOWN": ("The key is one that was registered.", "Register it, or sign with a registered one."),
    "SIGNATURE_KEY_NOT_YET_VALID": ("The key's validity has begun.", "Sign with a key that counts already."),
    "SIGNATURE_KEY_EXPIRED": ("The key's validity has not ended.", "Register a new key and sign with it."),
    "SIGNATURE_KEY_REVOKED": ("The key was not revoked.", "Sign with another key."),
    "SIGNATURE_KEY_COMPROMISED": ("The key is not known to others.", "Sign with another key, and find out who has it."),
    "SIGNATURE_KEY_KIND": (
        "The key came with its certificate, which this kind of signature refers to.",
        "Register the certificate, not the public key alone.",
    ),
    "SIGNATURE_DIGEST": ("What was signed is what is here.", "Something changed after signing: send it unchanged."),
    "SIGNATURE_VALUE": ("The signature is that of the key that it names.", "Sign with the private key of that name."),
    "SIGNING_KEY_NONE": ("There is a key of ours to sign with.", "Make and register a new key."),
    "SIGNING_NOT_RTP": ("What is signed for RTP is a Message with an AppHdr.", "Wrap header and message first."),
    "SIGNING_TWICE": ("A message is signed once.", "Sign the message as it was before it was signed."),
    "KEY_VALIDITY_LONG": ("A key lives at most {0} days.", "Replace it earlier."),
    "KEY_EXPIRES_SOON": ("A key is replaced at least {0} days before it ends; nobody reminds.", "Register a new one."),
    "KEY_ALONE": ("Several keys are active at once.", "Register a second one: the only key is hard to revoke."),
}
"""Every code: the rule, with a place for its number where it has one, and the remedy."""


def finding(
    code: str,
    detail: int | str = "",
    *,
    severity: Severity = Severity.ERROR,
    xpath: str = "/",
    line: int | None = None,
    value: str | None = None,
    reject_code: str | None = None,
) -> Finding:
    """The finding of a code in the table. The value is for what is public: a key's id, an algorithm, never content."""
    rule, hint = RULES[code]
    return Finding(
        code=code,
        severity=severity,
        xpath=xpath[:400],
        line=line,
        value=None if value is None else value[:200],
        rule=rule.format(detail),
        hint=hint,
        reject_code=reject_code,
    )
