"""AUTH: a host proves that it owns a key that this device has accepted.

The device sends 20 random bytes, the host signs them (PKCS#1 v1.5, with the token in place of a SHA-1 digest), and the device checks the
signature with the public keys it knows. The host offers an unknown key in Android's own format: base64 of
`word count, n0inv, modulus[64 words], rr[64 words], exponent`, all little-endian 32-bit words (AOSP: libcrypto_utils, android_pubkey).
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from harness.virtual.protocol import ProtocolError

TOKEN_BYTES = 20
_MODULUS_BYTES = 256
_KEY_BYTES = 4 + 4 + _MODULUS_BYTES + _MODULUS_BYTES + 4
# ASN.1 of "a SHA-1 digest of 20 bytes follows": RFC 8017, 9.2, note 1.
_SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")
_MAX_ATTEMPTS = 64
"""Most signatures on one connection. A host tries each of its keys once; a peer that tries more is not a host."""


class AuthState(Enum):
    """The device's next step."""

    ACCEPTED = auto()
    TRY_AGAIN = auto()
    WAIT = auto()
    """Send nothing: the host shows the device as `unauthorized`."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An RSA key of 2048 bits."""

    modulus: int
    exponent: int

    @classmethod
    def parse(cls, payload: bytes) -> PublicKey:
        """Read the payload of AUTH(3): base64, a space and the name of the owner.

        Raises:
            ProtocolError: the payload is not such a key.
        """
        encoded = payload.rstrip(b"\0").split(b" ", 1)[0]
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ProtocolError(f"public key is no base64: {error}") from None
        if len(raw) != _KEY_BYTES or struct.unpack_from("<I", raw)[0] * 4 != _MODULUS_BYTES:
            raise ProtocolError("public key is no RSA key of 2048 bits")
        modulus = int.from_bytes(raw[8 : 8 + _MODULUS_BYTES], "little")
        exponent = int.from_bytes(raw[-4:], "little")
        if modulus.bit_length() != 8 * _MODULUS_BYTES or exponent not in (3, 65537):
            raise ProtocolError("public key with an impossible modulus or exponent")
        return cls(modulus, exponent)

    def verifies(self, signature: bytes, token: bytes) -> bool:
        """Return whether the owner of the key signed this token."""
        if len(signature) != _MODULUS_BYTES:
            return False
        opened = pow(int.from_bytes(signature, "big"), self.exponent, self.modulus)
        content = _SHA1_PREFIX + token
        padding = b"\xff" * (_MODULUS_BYTES - 3 - len(content))
        return opened.to_bytes(_MODULUS_BYTES, "big") == b"\x00\x01" + padding + b"\x00" + content


class KeyRing:
    """Keys that one device has accepted. They are kept over connections and reboots.

    Args:
        accept: stands in for the person at the screen: returns whether to accept an offered key.
    """

    def __init__(self, accept: Callable[[PublicKey], bool]) -> None:
        self._accept = accept
        self._keys: set[PublicKey] = set()

    def knows_signer(self, signature: bytes, token: bytes) -> bool:
        """Return whether one of the accepted keys made this signature."""
        return any(key.verifies(signature, token) for key in self._keys)

    def offer(self, key: PublicKey) -> bool:
        """Ask the person, and remember a yes."""
        if self._accept(key):
            self._keys.add(key)
            return True
        return False


class Authenticator:
    """The AUTH exchange on one connection."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._token = b""
        self._attempts = 0

    def token(self) -> bytes:
        """Make a new challenge."""
        self._token = os.urandom(TOKEN_BYTES)
        return self._token

    def signature(self, signature: bytes) -> AuthState:
        """Take an AUTH(2).

        Raises:
            ProtocolError: too many attempts.
        """
        self._attempts += 1
        if self._attempts > _MAX_ATTEMPTS:
            raise ProtocolError("too many signatures")
        return AuthState.ACCEPTED if self._ring.knows_signer(signature, self._token) else AuthState.TRY_AGAIN

    def public_key(self, payload: bytes) -> AuthState:
        """Take an AUTH(3).

        Raises:
            ProtocolError: it is not a key.
        """
        return AuthState.ACCEPTED if self._ring.offer(PublicKey.parse(payload)) else AuthState.WAIT
