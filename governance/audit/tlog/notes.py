"""Signed notes: text with signature lines under it (c2sp.org/signed-note)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

#: The most bytes and signatures of a note.
LARGEST_NOTE = 1_000_000
MOST_SIGNATURES = 100

_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
#: Neither spaces nor plus, and nothing that UTF-8 can't say.
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """Not a signed note, not a key, or not signed as it should be; the message says which."""


class Algorithm(IntEnum):
    """The signature types that Plumbline knows, by their identifier byte."""

    ED25519 = 0x01
    COSIGNATURE = 0x04
    COSIGNATURE_ML_DSA_44 = 0x06


_PUBLIC_KEY_SIZES = {
    Algorithm.ED25519: 32,
    Algorithm.COSIGNATURE: 32,
    Algorithm.COSIGNATURE_ML_DSA_44: 1312,
}


def decode_base64(text: str) -> bytes:
    """Return what `text` says in standard base64, spelt in the one canonical way. Raises NoteError."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = None
    if value is None or base64.b64encode(value).decode() != text:
        raise NoteError(f"not base64: {text[:100]}")
    return value


def encode_base64(value: bytes) -> str:
    """Return `value` in standard base64."""
    return base64.b64encode(value).decode()


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise NoteError(f"not the name of a key: {name!r}")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name; as text, `name+hash+base64`, what standards call a vkey."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != _PUBLIC_KEY_SIZES[self.algorithm]:
            raise NoteError(f"a public key of {self.name} has the wrong length")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || newline || algorithm || public key)."""
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return hashlib.sha256(named).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.algorithm]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key string. Raises NoteError."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise NoteError("a verifier key looks like name+hash+base64")
        name, key_id, key = parts[0], parts[1], decode_base64(parts[2])
        try:
            parsed = cls(name, Algorithm(key[0] if key else -1), key[1:])
        except ValueError as error:
            if isinstance(error, NoteError):
                raise
            raise NoteError(f"the key of {name} is of a kind that is not known here") from error
        if parsed.key_id.hex() != key_id:
            raise NoteError(f"the key of {name} does not have the hash {key_id}")
        return parsed

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`; in a cosignature both are without the time."""
        try:
            if self.algorithm == Algorithm.COSIGNATURE_ML_DSA_44:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: `value` is what follows the four bytes of the key's id."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        return f"— {self.name} {encode_base64(self.key_id + self.value)}\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a signature line, with or without its newline. Raises NoteError."""
        match = _LINE.fullmatch(line.removesuffix("\n"))
        if match is None:
            raise NoteError(f"not a signature line: {line[:100]!r}")
        raw = decode_base64(match[2])
        if len(raw) < 5:
            raise NoteError(f"the signature by {match[1]} is too short")
        return cls(match[1], raw[:4], raw[4:])

    def is_by(self, key: VerifierKey) -> bool:
        """Whether it names `key` as the one that made it; nothing is verified."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends in a newline, and its signatures, verified or not."""

    text: str
    signatures: tuple[Signature, ...] = ()

    def encode(self) -> bytes:
        """Return the note as it is stored and served."""
        return f"{self.text}\n{''.join(map(str, self.signatures))}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signed note; at least one signature line. Raises NoteError."""
        if len(data) > LARGEST_NOTE:
            raise NoteError(f"a signed note has at most {LARGEST_NOTE} bytes")
        try:
            whole = data.decode()
        except UnicodeDecodeError as error:
            raise NoteError("not UTF-8") from error
        if _CONTROL.search(whole):
            raise NoteError("a control character")
        text, separator, lines = whole.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise NoteError("no signatures under an empty line")
        signatures = lines.removesuffix("\n").split("\n")
        if len(signatures) > MOST_SIGNATURES:
            raise NoteError(f"more than {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(map(Signature.parse, signatures)))

    def signed_by(self, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
        """Return those of `keys` (plain Ed25519) that signed the text; unknown signatures are passed over.

        Raises NoteError where a signature in the name of one of the keys is not valid.
        """
        found = []
        for key in keys:
            for signature in filter(lambda line: line.is_by(key), self.signatures):
                if not key.verify(self.text.encode(), signature.value):
                    raise NoteError(f"the signature by {key.name} is not valid")
                if key not in found:
                    found.append(key)
        return tuple(found)

    def with_signatures(self, *signatures: Signature) -> Self:
        """Return the note with further signatures, each once."""
        new = [line for line in signatures if line not in self.signatures]
        return replace(self, signatures=self.signatures + tuple(dict.fromkeys(new)))


class Signer(Protocol):
    """What signs: a key in memory as below, or one that stays inside a device."""

    @property
    def key(self) -> VerifierKey: ...

    def sign(self, message: bytes) -> bytes: ...


class Ed25519Signer:
    """A private Ed25519 key held in memory, for notes or, with `cosigner`, for cosignatures."""

    def __init__(self, name: str, seed: bytes, *, cosigner: bool = False) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        algorithm = Algorithm.COSIGNATURE if cosigner else Algorithm.ED25519
        self.key = VerifierKey(name, algorithm, self._private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, *, cosigner: bool = False) -> Self:
        """Make a new key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw(), cosigner=cosigner)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a private key as Go's note package spells it: `PRIVATE+KEY+name+hash+base64`.

        Raises NoteError.
        """
        parts = text.strip().split("+", 4)
        if len(parts) != 5 or parts[:2] != ["PRIVATE", "KEY"]:
            raise NoteError("a private key looks like PRIVATE+KEY+name+hash+base64")
        key = decode_base64(parts[4])
        if len(key) != 33 or key[0] not in (Algorithm.ED25519, Algorithm.COSIGNATURE):
            raise NoteError("a private key of a kind that is not known here")
        signer = cls(parts[2], key[1:], cosigner=key[0] == Algorithm.COSIGNATURE)
        if signer.key.key_id.hex() != parts[3]:
            raise NoteError("the private key does not have the hash that it names")
        return signer

    def encode(self) -> str:
        """Return the private key as `parse` reads it. A secret."""
        key = bytes([self.key.algorithm]) + self._private.private_bytes_raw()
        return f"PRIVATE+KEY+{self.key.name}+{self.key.key_id.hex()}+{encode_base64(key)}"

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, 64 bytes."""
        return self._private.sign(message)


def sign(text: str, *signers: Signer) -> Note:
    """Return the note of `text`, signed by each of `signers` (RFC 8032). Raises NoteError."""
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteError("the text of a note ends in a newline and has no other control characters")
    for signer in signers:
        if signer.key.algorithm != Algorithm.ED25519:
            raise NoteError(f"the key {signer.key.name} signs checkpoints of others, not notes")
    lines = [Signature(each.key.name, each.key.key_id, each.sign(text.encode())) for each in signers]
    return Note(text, tuple(lines))
