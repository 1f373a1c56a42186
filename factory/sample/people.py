"""Who is in the story: the bank's departments, the people who sign in, the systems that send."""

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from factory.kit.grants import issue_token
from factory.kit.recording import CONSOLE, record
from governance.people.make_administrator import make_administrator
from governance.people.models import ApiToken, User
from governance.people.revoke_token import revoke_token


class Department(NamedTuple):
    name: str
    title: str
    cost_center: str
    parent: str = ""


DEPARTMENTS = [
    Department("bank", "Harbour & Vale Bank", "4000"),
    Department("retail-lending", "Retail lending", "4100", "bank"),
    Department("customer-support", "Customer support", "4200", "bank"),
    Department("risk-data", "Risk and data platform", "4300", "bank"),
]


class Account(NamedTuple):
    """Somebody who can sign in, and the password that the sample gave them."""

    name: str
    email: str
    role: str
    password: str


class Person(NamedTuple):
    name: str
    email: str
    role: str


ADMINISTRATOR = Person("Sam Okafor", "sam.okafor@harbourvale.example", "Administrator")
PEOPLE = [
    Person("Mei Lindqvist", "mei.lindqvist@harbourvale.example", "Compliance officer"),
    Person("Oskar Bauer", "oskar.bauer@harbourvale.example", "Release manager"),
    Person("Nadia Haddad", "nadia.haddad@harbourvale.example", "Finance partner"),
    ADMINISTRATOR,
]


class Sender(NamedTuple):
    """A system that sends, and the bounds of its token."""

    door: str
    event_types: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


SENDERS = {
    "airflow-lending": Sender("openlineage", namespaces=("airflow-lending",)),
    "airflow-support": Sender("openlineage", namespaces=("airflow-support",)),
    "spark-platform": Sender("openlineage", namespaces=("spark-platform", "s3://harbourvale-lake")),
    "mlops-training": Sender("openlineage", namespaces=("mlops-training",)),
    "mlops-registry": Sender(
        "cloudevents",
        (
            "factory.model_version.registered",
            "factory.model_alias.moved",
            "factory.test.recorded",
            "factory.dataset_version.declared",
        ),
    ),
    "data-catalogue": Sender(
        "cloudevents",
        (
            "factory.department.declared",
            "factory.system.declared",
            "factory.dataset_version.declared",
        ),
    ),
    "cluster-deployer": Sender("cloudevents", ("factory.deployment.changed",), ("prod-eu", "staging-eu")),
    "agent-platform": Sender(
        "cloudevents",
        (
            "factory.agent.registered",
            "factory.task.completed",
            "factory.outcome.recorded",
        ),
    ),
    "loan-desk": Sender("cloudevents", ("factory.outcome.recorded", "factory.feedback.recorded")),
    "llm-gateway": Sender("cloudevents", ("factory.usage.recorded",)),
    "gpu-cluster": Sender("cloudevents", ("factory.usage.recorded", "factory.event.retracted")),
    "kiosk-fleet": Sender(
        "cloudevents",
        (
            "factory.deployment.changed",
            "factory.outcome.recorded",
            "factory.usage.recorded",
        ),
    ),
    "monitoring": Sender(
        "cloudevents",
        (
            "factory.measurement.recorded",
            "factory.feedback.recorded",
            "dev.cdevents.incident.*",
        ),
    ),
    "finance-ledger": Sender("cloudevents", ("factory.target.declared", "factory.revenue.recorded")),
    "marketing-lab": Sender("cloudevents", ("factory.*",)),
    "on-call": Sender("cloudevents", ("factory.incident.*",)),
}


def _file() -> Path:
    return Path(settings.VAR) / "sample-people.json"


def accounts() -> list[Account]:
    """Who can sign in to the sample, with the passwords that it made; empty where it never ran.

    A password that somebody has changed since is not told here.
    """
    try:
        kept = json.loads(_file().read_text())
    except FileNotFoundError:
        return []
    return [Account(**account) for account in kept]


def _new_password() -> str:
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


def make_people() -> list[Account]:
    """Make whoever of the sample's people is missing. The passwords are written down before anyone
    gets one, in a file that only its owner can read."""
    known = accounts()
    if not known:
        known = [Account(person.name, person.email, person.role, _new_password()) for person in PEOPLE]
        draft = _file().with_name(f".{_file().name}.{os.getpid()}")
        draft.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(json.dumps([account._asdict() for account in known], indent=1))
        draft.replace(_file())
    for account in known:
        if User.objects.filter(email=account.email).exists():
            continue
        if account.email == ADMINISTRATOR.email:
            make_administrator(account.email, account.password, account.name)
            continue
        with transaction.atomic():
            user = User.objects.create_user(account.email, account.password, name=account.name)
            record(
                "user.created",
                actor=CONSOLE,
                targets=[f"user:{user.pk}"],
                detail={"sample": True},
            )
    return known


def _as_administrator() -> HttpRequest:
    """A request of the sample's administrator: tokens are a person's to make and to revoke."""
    request = HttpRequest()
    request.user = User.objects.get(email=ADMINISTRATOR.email)
    return request


def make_tokens() -> dict[str, str]:
    """Give each system a token of its own and return {system: secret}. The secrets are kept nowhere;
    tokens that an earlier, broken-off telling left behind are revoked first."""
    revoke_tokens()
    request = _as_administrator()
    return {
        name: issue_token(
            name,
            doors=[sender.door],
            event_types=sender.event_types,
            namespaces=sender.namespaces,
            request=request,
        ).secret
        for name, sender in SENDERS.items()
    }


def revoke_tokens() -> None:
    """End the tokens that the sample's administrator made for its systems; nobody holds their secrets."""
    request = _as_administrator()
    for token in ApiToken.objects.filter(name__in=SENDERS, revoked_at=None, created_by=request.user.pk):
        revoke_token(token, request)
