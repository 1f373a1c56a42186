"""The people and the systems that the tests speak of. Each function makes its person, or finds them.

Alice watches, Bob releases, Carol pays, Dave runs the place, Frank has left. Airflow and the gateway are
sources of the house; Eve is a source from outside it.
"""

from factory.kit.grants import Issued
from governance.people.issue_token import issue_token
from governance.people.models import User

PASSWORD = "correct horse battery"


def alice() -> User:
    """The compliance officer: reads everything, changes nothing."""
    return _person("alice@bank.example", "Alice Adler")


def bob() -> User:
    """The release manager of the credit department."""
    return _person("bob@bank.example", "Bob Brandt")


def carol() -> User:
    """The finance partner."""
    return _person("carol@bank.example", "Carol Conti")


def dave() -> User:
    """The administrator."""
    return _person("dave@bank.example", "Dave Dumont", is_superuser=True)


def frank() -> User:
    """Somebody who has left: the account is not active."""
    return _person("frank@bank.example", "Frank Fischer", is_active=False)


def airflow() -> Issued:
    """The bank's pipelines: OpenLineage for the bank's namespaces."""
    return issue_token("airflow", doors=["openlineage"], namespaces=["bank*", "s3://lake"])


def gateway() -> Issued:
    """The bank's model gateway: usage events, and nothing else."""
    return issue_token("gateway", doors=["cloudevents"], event_types=["factory.usage.*"])


def auditor() -> Issued:
    """A system that asks and never sends."""
    return issue_token("auditor", doors=["questions"])


def everything() -> Issued:
    """A token for every door and every question."""
    return issue_token("everything", doors=["all"])


def eve() -> Issued:
    """An outsider: may send, but only for a namespace that nobody here owns."""
    return issue_token("eve", doors=["openlineage", "cloudevents"], namespaces=["eve"])


def bearer(token: Issued) -> dict[str, str]:
    """The header that shows the token."""
    return {"Authorization": f"Bearer {token.secret}"}


def _person(email: str, name: str, **fields: bool) -> User:
    person = User.objects.filter(email=email).first()
    return person or User.objects.create_user(email, PASSWORD, name=name, **fields)
