"""The vault of a key file: what it seals, what it opens, and which files it refuses."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from adapters.keys.aes import AesVault, KeyFileError, read_key_file
from adapters.keys.clear import ClearVault
from adapters.keys.kept import KeptVault
from gateway.service.ports import Sealed

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
BODY = b"<Document>Sample Person</Document>"


def vault(**keys: bytes) -> AesVault:
    """A vault with these keys, the first of which seals."""
    return AesVault(keys, index_key=b"index")


def test_what_was_sealed_is_opened_and_shows_nothing() -> None:
    """The key's id stands beside it."""
    sealed = vault(one=ONE).seal(BODY)

    assert sealed.key_id == "one"
    assert b"Sample" not in sealed.ciphertext
    assert vault(one=ONE).open(sealed) == BODY


def test_equal_bytes_seal_alike_and_others_share_nothing() -> None:
    """The quarantine's key, and a replay's digests, are made of ciphertext."""
    one, same, other = (vault(one=ONE).seal(body) for body in (BODY, BODY, BODY + b" "))

    assert one == same
    assert one.ciphertext[1:29] != other.ciphertext[1:29]
    assert vault(one=TWO).seal(BODY).ciphertext[1:29] != one.ciphertext[1:29]


def test_every_changed_byte_is_seen() -> None:
    """Form, salt, nonce, ciphertext and tag: none can be changed unseen; nor can the key's id."""
    sealed = vault(one=ONE).seal(BODY)

    for position in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[position] ^= 1
        with pytest.raises(LookupError):
            vault(one=ONE).open(Sealed("one", bytes(changed)))
    with pytest.raises(LookupError, match="not sealed under"):
        vault(two=ONE, one=ONE).open(Sealed("two", sealed.ciphertext))
    with pytest.raises(LookupError):
        vault(one=ONE).open(Sealed("one", sealed.ciphertext[:20]))


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    """Keys are changed by a line at the top of the file."""
    old = vault(one=ONE).seal(BODY)
    renewed = vault(two=TWO, one=ONE)

    assert renewed.seal(BODY).key_id == "two"
    assert renewed.open(old) == BODY
    with pytest.raises(LookupError, match="not in the key file"):
        vault(two=TWO).open(old)


def test_what_was_stored_in_clear_is_opened_too() -> None:
    """A key file is given to an installation that has stored messages already; accounts are found as before."""
    clear = ClearVault(b"index")

    assert vault(one=ONE).open(clear.seal(BODY)) == BODY
    assert vault(one=ONE).blind_index("account", b"1") == clear.blind_index("account", b"1")


def test_every_data_key_is_another_and_can_be_opened() -> None:
    """One for each object of the archive."""
    first, second = (vault(one=ONE).new_data_key() for _ in range(2))

    assert first.key != second.key
    assert vault(one=ONE).open(first.wrapped) == first.key
    assert first.key.hex() not in repr(first)


def test_a_replays_vault_seals_as_it_was_sealed_until_it_forgets() -> None:
    """A message sealed under last year's key has the digest of that."""
    old = vault(one=ONE).seal(BODY)
    kept = KeptVault(vault(two=TWO, one=ONE))

    assert kept.open(old) == BODY
    assert kept.seal(BODY) == old
    kept.forget()
    assert kept.seal(BODY).key_id == "two"


def written(directory: Path, text: str, mode: int = 0o600) -> Path:
    """A key file."""
    file = directory / "keys"
    file.write_text(text)
    file.chmod(mode)
    return file


def line(name: str, key: bytes = ONE) -> str:
    """A line of one."""
    return f"{name} {base64.b64encode(key).decode()}\n"


def test_a_key_file_is_read_in_its_order(tmp_path: Path) -> None:
    """Comments and empty lines are left out."""
    file = written(tmp_path, f"# of this year\n{line('2027-01', TWO)}\n{line('2026-01')}")

    assert list(read_key_file(file).items()) == [("2027-01", TWO), ("2026-01", ONE)]


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (line("one"), 0o644, "chmod 600"),
        ("", 0o600, "no key"),
        ("one tooshort\n", 0o600, "line 1"),
        (line("One"), 0o600, "line 1"),
        (line("one") + line("one", TWO), 0o600, "line 2: the id one is taken"),
        (line("clear"), 0o600, "taken"),
        (line("one", ONE[:31]), 0o600, "line 1"),
    ],
)
def test_a_file_that_is_no_key_file_is_refused_without_showing_a_key(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    """The line is named, and what it should be; nothing of what it is."""
    with pytest.raises(KeyFileError, match=said) as refused:
        read_key_file(written(tmp_path, text, mode))

    assert "AAECAw" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Never a vault without keys."""
    with pytest.raises(KeyFileError):
        read_key_file(tmp_path / "none")
