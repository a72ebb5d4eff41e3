"""A sealed credential opens in its own place with its own key, and nowhere else."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models import crypto
from models.crypto import CannotOpen, Context, Key, Keyring, KeyringError

PLACE = Context("connections", "4f1c", "api_token", 3, "https://example.atlassian.net:443")
SECRET = "the secret äöü 🔑"


def _key() -> Key:
    value = secrets.token_bytes(32)
    return Key(crypto.key_id(value), value)


@pytest.fixture(autouse=True)
def ring() -> Iterator[Keyring]:
    before = crypto.current()
    crypto.use(Keyring([_key()]))
    yield crypto.current()
    crypto.use(before)


@pytest.mark.parametrize("plain", ["", "x", SECRET, "long " * 10_000])
def test_what_is_sealed_opens_in_its_place(plain: str) -> None:
    sealed = crypto.seal(plain, PLACE)
    assert crypto.unseal(json.loads(json.dumps(sealed)), PLACE) == plain


def test_the_record_holds_no_plaintext() -> None:
    text = json.dumps(crypto.seal(SECRET, PLACE))
    assert SECRET not in text
    assert base64.b64encode(SECRET.encode()).decode() not in text


def test_equal_secrets_seal_differently() -> None:
    first, second = crypto.seal(SECRET, PLACE), crypto.seal(SECRET, PLACE)
    assert not {first["ciphertext"], first["nonce"], first["wrapped"]} & {
        second["ciphertext"],
        second["nonce"],
        second["wrapped"],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"table": "users"},
        {"row": "4f1d"},
        {"field": "client_secret"},
        {"version": 2},
        {"version": 4},
        {"origin": "https://evil.example:443"},
        {"origin": "http://example.atlassian.net:443"},
        {"origin": ""},
    ],
)
def test_it_does_not_open_in_another_place(change: dict[str, object]) -> None:
    sealed = crypto.seal(SECRET, PLACE)
    with pytest.raises(CannotOpen):
        crypto.unseal(sealed, replace(PLACE, **change))


def test_neighbouring_parts_of_a_place_do_not_run_together() -> None:
    one, other = replace(PLACE, row="ab", field="c"), replace(PLACE, row="a", field="bc")
    assert one.authenticated() != other.authenticated()


@pytest.mark.parametrize("part", ["wrap_nonce", "wrapped", "nonce", "ciphertext"])
def test_no_flipped_bit_goes_unnoticed(part: str) -> None:
    sealed = crypto.seal("0123456789", PLACE)
    raw = base64.b64decode(sealed[part])
    for position in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[position] ^= 1 << bit
            with pytest.raises(CannotOpen):
                crypto.unseal({**sealed, part: base64.b64encode(changed).decode()}, PLACE)


@pytest.mark.parametrize("part", ["wrap_nonce", "wrapped", "nonce", "ciphertext"])
def test_no_cut_goes_unnoticed(part: str) -> None:
    sealed = crypto.seal("0123456789", PLACE)
    raw = base64.b64decode(sealed[part])
    for length in range(len(raw)):
        with pytest.raises(CannotOpen):
            crypto.unseal({**sealed, part: base64.b64encode(raw[:length]).decode()}, PLACE)


@pytest.mark.parametrize("part", ["wrap_nonce", "wrapped", "nonce", "ciphertext"])
def test_parts_of_two_records_do_not_mix(part: str) -> None:
    first, second = crypto.seal("one", PLACE), crypto.seal("two", PLACE)
    with pytest.raises(CannotOpen):
        crypto.unseal({**first, part: second[part]}, PLACE)


@pytest.mark.parametrize("part", ["format", "key", "wrap_nonce", "wrapped", "nonce", "ciphertext"])
def test_a_record_with_a_missing_or_odd_part_does_not_open(part: str) -> None:
    sealed = crypto.seal(SECRET, PLACE)
    for odd in (None, 7, "", "not base64!", [], {}):
        with pytest.raises(CannotOpen):
            crypto.unseal({**sealed, part: odd}, PLACE)
    with pytest.raises(CannotOpen):
        crypto.unseal({name: value for name, value in sealed.items() if name != part}, PLACE)


def test_without_its_key_it_does_not_open_and_the_key_is_named() -> None:
    sealed = crypto.seal(SECRET, PLACE)
    crypto.use(Keyring([_key()]))
    with pytest.raises(CannotOpen, match=sealed["key"]):
        crypto.unseal(sealed, PLACE)


def test_another_key_under_the_same_id_does_not_open() -> None:
    sealed = crypto.seal(SECRET, PLACE)
    crypto.use(Keyring([Key(sealed["key"], secrets.token_bytes(32))]))
    with pytest.raises(CannotOpen):
        crypto.unseal(sealed, PLACE)


def test_an_older_key_still_opens_and_the_newest_seals(ring: Keyring) -> None:
    sealed = crypto.seal(SECRET, PLACE)
    newer = _key()
    crypto.use(Keyring([newer, *ring.keys]))
    assert crypto.unseal(sealed, PLACE) == SECRET
    assert crypto.seal(SECRET, PLACE)["key"] == newer.id


def test_rewrapping_keeps_the_secret_and_drops_the_old_key(ring: Keyring) -> None:
    sealed = crypto.seal(SECRET, PLACE)
    newer = _key()
    crypto.use(Keyring([newer, *ring.keys]))
    again = crypto.rewrap(sealed, PLACE)
    assert again["ciphertext"] == sealed["ciphertext"]
    crypto.use(Keyring([newer]))
    assert crypto.unseal(again, PLACE) == SECRET
    with pytest.raises(CannotOpen):
        crypto.rewrap(sealed, PLACE)


def test_rewrapping_refuses_another_place() -> None:
    with pytest.raises(CannotOpen):
        crypto.rewrap(crypto.seal(SECRET, PLACE), replace(PLACE, row="other"))


def test_an_empty_ring_seals_nothing() -> None:
    crypto.use(Keyring(()))
    with pytest.raises(KeyringError):
        crypto.seal(SECRET, PLACE)


def test_a_key_does_not_show_itself() -> None:
    key = _key()
    assert repr(key.value) not in repr(key)


def test_a_ring_file_is_read_newest_first_with_comments(tmp_path: Path) -> None:
    first, second = crypto.new_key_line(), crypto.new_key_line()
    file = tmp_path / "keyring"
    file.write_text(f"# comment\n{first} # newest\n\n{second}\n", encoding="ascii")
    ring = crypto.load(file)
    assert [key.id for key in ring.keys] == [crypto.key_id(base64.b64decode(line)) for line in (first, second)]


@pytest.mark.parametrize("content", ["", "# only a comment\n", "short\n", "AAAA\n", "ü\n"])
def test_a_damaged_ring_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keyring"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(KeyringError, match="keyring"):
        crypto.load(file)


def test_a_secret_file_is_made_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "keyring"
    assert crypto.write_new_file(file, "one\n")
    assert not crypto.write_new_file(file, "two\n")
    assert file.read_text(encoding="ascii") == "one\n"
    assert file.stat().st_mode & 0o777 == 0o600
    crypto.replace_file(file, "three\n")
    assert file.read_text(encoding="ascii") == "three\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["keyring"]
