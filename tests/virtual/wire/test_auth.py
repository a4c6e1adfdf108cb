from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.virtual.auth import Authenticator, AuthState, KeyRing, PublicKey
from harness.virtual.protocol import ProtocolError

# Only its size matters where nothing is signed.
MODULUS = (1 << 2047) + 12345


def offered(modulus: int = MODULUS, exponent: int = 65537, words: int = 64) -> bytes:
    raw = struct.pack("<II", words, 0) + modulus.to_bytes(256, "little") + bytes(256) + struct.pack("<I", exponent)
    return base64.b64encode(raw) + b" somebody@somewhere\0"


def test_a_key_is_read_in_androids_format() -> None:
    assert PublicKey.parse(offered()) == PublicKey(MODULUS, 65537)


@pytest.mark.parametrize(
    "bad", [b"", b"\0", b"not base64!", offered(words=32), offered(modulus=1), offered(exponent=1), offered()[:300]]
)
def test_what_is_no_key(bad: bytes) -> None:
    with pytest.raises(ProtocolError):
        PublicKey.parse(bad)


@given(st.binary(max_size=800))
def test_any_bytes_are_a_key_or_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        PublicKey.parse(data)


def toy_key() -> tuple[PublicKey, int]:
    """A key whose factors are Mersenne primes: a secret to nobody, but its arithmetic is the real one."""
    modulus = phi = 1
    for bits in (1279, 521, 127, 107):
        modulus *= (1 << bits) - 1
        phi *= (1 << bits) - 2
    return PublicKey(modulus, 65537), pow(65537, -1, phi)


def test_a_signature_is_checked_for_this_token_and_this_padding() -> None:
    key, private = toy_key()
    token = bytes(range(20))
    content = bytes.fromhex("3021300906052b0e03021a05000414") + token
    padded = b"\x00\x01" + b"\xff" * (253 - len(content)) + b"\x00" + content

    def sign(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), private, key.modulus).to_bytes(256, "big")

    assert key.verifies(sign(padded), token)
    assert not key.verifies(sign(padded), token[::-1])
    assert not key.verifies(sign(b"\x00\x01\xff\x00" + content.rjust(252, b"\0")), token)
    assert not key.verifies(sign(padded)[:-1], token)
    assert not key.verifies(bytes(256), token)

    ring = KeyRing(lambda offered_key: True)
    authenticator = Authenticator(ring)
    authenticator.token()
    assert authenticator.signature(sign(padded)) is AuthState.TRY_AGAIN
    assert ring.offer(key)
    assert ring.knows_signer(sign(padded), token)


def test_keys_that_the_person_refuses_are_not_remembered() -> None:
    ring = KeyRing(lambda key: False)
    authenticator = Authenticator(ring)
    assert authenticator.public_key(offered()) is AuthState.WAIT
    assert authenticator.signature(bytes(256)) is AuthState.TRY_AGAIN


def test_guessing_has_an_end() -> None:
    authenticator = Authenticator(KeyRing(lambda key: False))
    for _ in range(64):
        assert authenticator.signature(b"guess") is AuthState.TRY_AGAIN
    with pytest.raises(ProtocolError, match="too many"):
        authenticator.signature(b"guess")
