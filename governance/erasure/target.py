"""Who or what is erased, under a name that tells nothing: it goes into addresses and into the log."""

from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from django.db.models import Q

from factory.kit.bulk import fetch
from factory.kit.sealing import digest
from governance.people.models import User
from lineage.intake.erase import EventId, events_about, events_of
from lineage.intake.mentioned import subject
from lineage.intake.models import Submission


class NoTarget(ValueError):
    """Nothing and nobody is named by this; the message says why."""


class Target(NamedTuple):
    """`kind` is `user` (a person with an account), `subject` (whom events tell of) or `submission`; `id`
    the user's id, the keyed digest in hex, or the submission's id."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a target as `str` spells it. Raises NoTarget."""
        kind, _, id_ = text.partition(":")
        try:
            if kind == "subject" and len(bytes.fromhex(id_)) == 32:
                return cls(kind, id_.lower())
            if kind in ("user", "submission"):
                return cls(kind, str(UUID(id_)))
        except ValueError:
            pass
        raise NoTarget(f"{text!r} is none of user:<id>, subject:<digest>, submission:<id>")

    @classmethod
    def of_person(cls, text: str) -> Self:
        """The person whose e-mail address or id this is. Raises NoTarget."""
        text = text.strip()
        try:
            named = Q(pk=UUID(text))
        except ValueError:
            named = Q(email=text.lower())
        if user := User.objects.filter(named).first():
            return cls("user", str(user.pk))
        raise NoTarget("nobody here has this e-mail address or id")

    @classmethod
    def of_subject(cls, sent: str) -> Self:
        """The data subject whom a sender calls so; there may be no event about them. Raises NoTarget."""
        if not sent.strip():
            raise NoTarget("give the subject digest as the sender gave it")
        return cls("subject", digest(subject(sent.strip())).hex())

    @classmethod
    def of_submission(cls, text: str) -> Self:
        """The submission with this id. Raises NoTarget."""
        try:
            pk = UUID(text.strip())
        except ValueError:
            raise NoTarget("a submission's id looks like 019127df-00a2-743c-b714-df7e6dcadb2b") from None
        if not Submission.objects.filter(pk=pk).exists():
            raise NoTarget("there is no submission with this id")
        return cls("submission", str(pk))

    def events(self, received_before: datetime | None = None) -> list[EventId]:
        """The events to erase, in the order in which it has to be done (see `events_about`)."""
        match self.kind:
            case "subject":
                found = events_about([bytes.fromhex(self.id)])
            case "submission":
                found = events_of(UUID(self.id))
            case _:
                return []
        if received_before is None or not found:
            return found
        early = fetch(
            "SELECT id FROM lineage_submission WHERE id = ANY(%s) AND received_at < %s",
            [list({submission for submission, _ in found}), received_before],
        )
        return [event for event in found if (event[0],) in set(early)]

    def user(self) -> User | None:
        return User.objects.filter(pk=self.id).first() if self.kind == "user" else None
