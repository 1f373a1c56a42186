"""Whom to trust, as a file: logs, witnesses, and how many of them it takes (c2sp.org/tlog-policy)."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Self

from governance.audit.tlog.cosignature import Cosignature, cosignatures
from governance.audit.tlog.notes import Algorithm, Note, NoteError, VerifierKey

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_WITNESS_ALGORITHMS = (Algorithm.COSIGNATURE, Algorithm.COSIGNATURE_ML_DSA_44)
#: The most bytes of a policy file.
LARGEST_POLICY = 1_000_000
NOBODY = "none"


class PolicyError(ValueError):
    """Not a policy; the message names the line."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The keys of logs and witnesses, and the quorum.

    `groups` maps a name to (how many it takes, the names of its members); `urls` maps the key of a log or
    witness to where it is reached, where the file says so.
    """

    quorum: str = NOBODY
    logs: tuple[VerifierKey, ...] = ()
    witnesses: dict[str, VerifierKey] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    urls: dict[VerifierKey, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a policy file. Raises PolicyError."""
        if len(data) > LARGEST_POLICY:
            raise PolicyError(f"a policy has at most {LARGEST_POLICY} bytes")
        reading = _Reading()
        for number, line in enumerate(data.decode(errors="surrogateescape").split("\n"), 1):
            words = re.split(r"[ \t]+", line.strip(" \t"))
            try:
                if _FORBIDDEN.search(line):
                    raise PolicyError("a control character")
                if words[0] and not words[0].startswith("#"):
                    reading.take(words)
            except (PolicyError, NoteError) as error:
                raise PolicyError(f"line {number}: {error}") from error
        if not reading.quorum:
            raise PolicyError("no line says what the quorum is")
        return cls(reading.quorum, tuple(reading.logs), reading.witnesses, reading.groups, reading.urls)

    def is_met(self, names: Collection[str]) -> bool:
        """Whether the witnesses of these names (as the policy calls them) are a quorum."""

        def witnessed(name: str) -> bool:
            if name in self.groups:
                needed, members = self.groups[name]
                return sum(map(witnessed, members)) >= needed
            return name in names

        return self.quorum == NOBODY or witnessed(self.quorum)

    def cosigned(self, note: Note) -> dict[str, Cosignature]:
        """Return who of the witnesses cosigned the checkpoint `note`, by the policy's names.

        Raises NoteError where a cosignature in the name of a witness is not valid.
        """
        found = {each.key: each for each in cosignatures(note, self.witnesses.values())}
        return {name: found[key] for name, key in self.witnesses.items() if key in found}


class _Reading:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.quorum = ""
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.urls: dict[VerifierKey, str] = {}
        self._members: set[str] = set()

    def take(self, words: list[str]) -> None:
        readers: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in readers:
            raise PolicyError(f"{words[0]} is none of {', '.join(readers)}")
        readers[words[0]](words[1:])

    def _log(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise PolicyError("a log has a key and perhaps an address")
        key = VerifierKey.parse(words[0])
        if key.algorithm != Algorithm.ED25519:
            raise PolicyError("the key of a log is an Ed25519 key for notes")
        if key.public in {other.public for other in self.logs}:
            raise PolicyError("this log is named twice")
        self.logs.append(key)
        if len(words) == 2:
            self.urls[key] = words[1]

    def _witness(self, words: list[str]) -> None:
        if not 2 <= len(words) <= 3:
            raise PolicyError("a witness has a name, a key and perhaps an address")
        name, key = self._new_name(words[0]), VerifierKey.parse(words[1])
        if key.algorithm not in _WITNESS_ALGORITHMS:
            raise PolicyError("the key of a witness is one for cosignatures")
        if key.public in {other.public for other in self.witnesses.values()}:
            raise PolicyError("this witness is named twice")
        self.witnesses[name] = key
        if len(words) == 3:
            self.urls[key] = words[2]

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise PolicyError("a group has a name, how many it takes, and members")
        name, members = self._new_name(words[0]), words[2:]
        for member in members:
            self._known(member)
            if member in self._members:
                raise PolicyError(f"{member} is a member already")
            self._members.add(member)
        shorthand = {"all": len(members), "any": 1}
        number = int(words[1]) if _NUMBER.fullmatch(words[1]) else 0
        needed = shorthand.get(words[1], number)
        if not 1 <= needed <= len(members):
            raise PolicyError(f"a group takes all, any, or 1 to {len(members)} of its members")
        self.groups[name] = (needed, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1 or self.quorum:
            raise PolicyError("one quorum, and one name for it")
        if words[0] != NOBODY:
            self._known(words[0])
        self.quorum = words[0]

    def _new_name(self, name: str) -> str:
        if name == NOBODY or name in self.witnesses or name in self.groups:
            raise PolicyError(f"the name {name} is taken")
        return name

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyError(f"nobody is called {name} so far")
