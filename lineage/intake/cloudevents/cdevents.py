"""CDEvents: what delivery and monitoring tools already send about services and incidents.

Standard: CDEvents 0.4 and 0.5 (`service` in continuous-deployment, `incident` in
continuous-operations), bound to CloudEvents. Any version of a type is read, because the members
used here have stood since the first.

- A service is a deployment: namespace `subject.source`, or `factory` without one; name `subject.id`.
- An artifact is a model version, named by its package URL `pkg:TYPE/NAMESPACE/NAME@VERSION`:
  model namespace `pkg:TYPE/NAMESPACE` (`pkg:TYPE` without one), model name NAME, version VERSION
  (of an OCI artifact the digest); qualifiers and subpath are not part of the name. An artifact id
  that is no package URL names a model of the namespace `artifact`, of no known version.
- An incident is about its `service`, else about its artifact; its title is its description.
"""

import re
from typing import Any
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from factory.kit.times import format_time
from lineage.entities import keys
from lineage.entities.keys import FACTORY, NodeKey
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents.happened import part_of_subject
from lineage.intake.cloudevents.said import Derive, Event, known, say
from lineage.intake.cloudevents.values import Name, Text
from lineage.intake.derived import Derived

_TYPE = re.compile(
    r"dev\.cdevents\.((?:service|incident)\.[a-z]+)\.[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?"
)


class Reference(Struct, kw_only=True):
    """Another subject: an environment or a service."""

    id: Name
    source: Name | None = None


class ServiceContent(Struct, kw_only=True, rename="camel"):
    environment: Reference
    artifact_id: Name


class RemovedContent(Struct, kw_only=True, rename="camel"):
    environment: Reference


class IncidentContent(Struct, kw_only=True, rename="camel"):
    description: Text | None = None
    environment: Reference | None = None
    service: Reference | None = None
    artifact_id: Name | None = None


class ServiceSubject(Reference, kw_only=True):
    content: ServiceContent


class RemovedSubject(Reference, kw_only=True):
    content: RemovedContent


class IncidentSubject(Reference, kw_only=True):
    content: IncidentContent


class ServiceEvent(Struct, kw_only=True):
    subject: ServiceSubject


class RemovedEvent(Struct, kw_only=True):
    subject: RemovedSubject


class IncidentEvent(Struct, kw_only=True):
    subject: IncidentSubject


def _named(reference: Reference) -> NodeKey:
    return keys.deployment(reference.source or FACTORY, reference.id)


def artifact(text: str) -> NodeKey:
    """The model, or model version, that an artifact id names."""
    if not text.startswith("pkg:"):
        return keys.model("artifact", text)
    path = text.partition("#")[0].partition("?")[0].removeprefix("pkg:").strip("/")
    path, _, version = path.partition("@")
    namespace, _, name = path.rpartition("/")
    if not namespace or not name:
        return keys.model("artifact", text)
    node = keys.model(f"pkg:{unquote(namespace)}", unquote(name))
    return node.at_version(unquote(version)) if version else node


def _changed(event: Event, data: ServiceEvent, out: Derived) -> None:
    node = _named(data.subject)
    out.namespace = node.namespace
    content = data.subject.content
    where = {"environment": content.environment.id, "state": "serving"}
    say(out, node, where, event.facets())
    out.claims.append(Claim(actor=node, kind="serves", entity=artifact(content.artifact_id), detail=where))


def _removed(event: Event, data: RemovedEvent, out: Derived) -> None:
    node = _named(data.subject)
    out.namespace = node.namespace
    where = {"environment": data.subject.content.environment.id, "state": "stopped"}
    say(out, node, where, event.facets())
    # the event doesn't say what was removed: a claim on the deployment itself ends all that it served
    out.claims.append(Claim(actor=node, kind="serves", entity=node, detail=where))


def _incident(event: Event, data: IncidentEvent, out: Derived, change: dict[str, str]) -> None:
    content = data.subject.content
    node = NodeKey("incident", data.subject.source or FACTORY, data.subject.id)
    subject = None
    if content.service is not None:
        subject = _named(content.service)
    elif content.artifact_id is not None:
        subject = artifact(content.artifact_id)
    attributes = known(
        title=content.description or data.subject.id,
        environment=None if content.environment is None else content.environment.id,
        subject=None if subject is None else str(subject),
    )
    say(out, node, attributes | change, event.facets())
    if subject is not None:
        out.claims.append(part_of_subject(node, subject))
        out.namespace = subject.namespace


def _detected(event: Event, data: IncidentEvent, out: Derived) -> None:
    _incident(event, data, out, {"state": "open", "opened": format_time(event.time)})


def _resolved(event: Event, data: IncidentEvent, out: Derived) -> None:
    _incident(event, data, out, {"state": "closed", "closed": format_time(event.time)})


_service = msgspec.json.Decoder(ServiceEvent)
_incidents = msgspec.json.Decoder(IncidentEvent)
_READERS: dict[str, tuple["msgspec.json.Decoder[Any]", Derive]] = {
    "service.deployed": (_service, _changed),
    "service.upgraded": (_service, _changed),
    "service.rolledback": (_service, _changed),
    "service.removed": (msgspec.json.Decoder(RemovedEvent), _removed),
    "incident.detected": (_incidents, _detected),
    "incident.resolved": (_incidents, _resolved),
}


def reader(event_type: str) -> tuple["msgspec.json.Decoder[Any]", Derive] | None:
    """How a CDEvents type is decoded and derived; None for any other type."""
    match = _TYPE.fullmatch(event_type)
    return _READERS.get(match[1]) if match else None
