"""Node keys: the one name by which everything in the graph is known.

A key is written `kind:namespace/name[@version]`, each part percent-encoded (RFC 3986: unreserved
characters stay as they are), e.g. `dataset_version:s3%3A%2F%2Flake/raw%2Fapplicants@2026-03-01`.
"""

from typing import NamedTuple, Self
from urllib.parse import quote, unquote

KINDS = (
    "dataset",
    "dataset_version",
    "job",
    "run",
    "model",
    "model_version",
    "system",
    "deployment",
    "agent",
    "agent_version",
    "tool",
    "department",
    "user",
    "outcome",
    "incident",
)
#: The kinds that have versions, and the kind that such a version has.
VERSION_KIND = {"dataset": "dataset_version", "model": "model_version", "agent": "agent_version"}
ENTITY_KIND = {version: entity for entity, version in VERSION_KIND.items()}
#: The namespace of what has none of its own.
FACTORY = "factory"
#: The version that stands for "some version of it, and nobody knows which".
UNKNOWN = "unknown"


class BadKey(ValueError):
    """The text is not a node key."""


class NodeKey(NamedTuple):
    """The name of one node. `version` is the empty string for kinds that have no version."""

    kind: str
    namespace: str
    name: str
    version: str = ""

    def __str__(self) -> str:
        key = f"{self.kind}:{quote(self.namespace, safe='')}/{quote(self.name, safe='')}"
        return f"{key}@{quote(self.version, safe='')}" if self.version else key

    @property
    def entity(self) -> Self:
        """The dataset, model or agent that this is a version of; itself where it is none."""
        if self.kind not in ENTITY_KIND:
            return self
        return self._replace(kind=ENTITY_KIND[self.kind], version="")

    def at_version(self, version: str) -> Self:
        """The key of a version of this dataset, model or agent."""
        return self._replace(kind=VERSION_KIND[self.kind], version=version)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an encoded key.

        Raises BadKey where the kind is unknown, a part is missing or empty, or a version stands
        where there can be none.
        """
        kind, colon, rest = text.partition(":")
        if not colon or kind not in KINDS:
            raise BadKey(f"a node key starts with its kind and a colon; kinds are {', '.join(KINDS)}")
        path, _, version = rest.partition("@")
        namespace, slash, name = path.partition("/")
        if not slash or not namespace or not name or "/" in name:
            raise BadKey("a node key has the form kind:namespace/name, each part percent-encoded")
        if bool(version) != (kind in ENTITY_KIND):
            need = "needs" if kind in ENTITY_KIND else "has no"
            raise BadKey(f"a {kind} {need} @version")
        return cls(kind, unquote(namespace), unquote(name), unquote(version))


def dataset(namespace: str, name: str) -> NodeKey:
    return NodeKey("dataset", namespace, name)


def job(namespace: str, name: str) -> NodeKey:
    return NodeKey("job", namespace, name)


def run(run_id: str, issuer: str = "openlineage") -> NodeKey:
    """A run is named by its issuer and the id that the issuer gave it (UUIDs in lower case)."""
    return NodeKey("run", issuer, run_id.lower() if issuer == "openlineage" else run_id)


def model(namespace: str, name: str) -> NodeKey:
    return NodeKey("model", namespace, name)


def deployment(namespace: str, name: str) -> NodeKey:
    return NodeKey("deployment", namespace, name)


def plain(kind: str, name: str, namespace: str = FACTORY) -> NodeKey:
    """A system, agent, tool, department, user, outcome or incident."""
    return NodeKey(kind, namespace, name)
