"""What happened: deployments changed, outcomes were recorded and judged, incidents opened and closed."""

import msgspec

from factory.kit.times import format_time
from lineage.entities import keys
from lineage.entities.keys import NodeKey, plain
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents import vocabulary
from lineage.intake.cloudevents.said import Event, json_value, known, node_of, owned, ref_value, say
from lineage.intake.derived import Derived


def deployment(event: Event, data: vocabulary.Deployment, out: Derived) -> None:
    out.namespace = data.namespace
    node = keys.deployment(data.namespace, data.name)
    where = known(
        environment=data.environment,
        state=data.state,
        region=data.region,
        jurisdiction=data.jurisdiction,
        accelerator=data.accelerator,
        accelerator_count=None if data.accelerator_count is None else data.accelerator_count.as_json(),
        precision=data.precision,
    )
    share = None if data.share is None else data.share.as_json()
    fallback = None if data.fallback is None else ref_value(data.fallback)
    say(out, node, where | known(department=data.department, fallback=fallback), event.facets())
    out.claims.append(
        Claim(
            actor=node,
            kind="serves",
            entity=node_of("model", data.model),
            basis="observed" if data.observed else "declared",
            detail=where | known(share=share, fallback=fallback),
        )
    )
    if data.system is not None:
        out.claims.append(Claim(actor=node, kind="part_of", entity=plain("system", data.system)))
    owned(out, node, data.department)


def outcome(event: Event, data: vocabulary.Outcome, out: Derived) -> None:
    out.namespace = data.deployment.namespace
    node = plain("outcome", data.outcome)
    answering = node_of("deployment", data.deployment)
    attributes = known(
        deployment=str(answering),
        subject_digest=data.subject_digest,
        trace_id=data.trace_id,
        human_review=None if data.human_review is None else msgspec.to_builtins(data.human_review),
    )
    say(out, node, {"result": json_value(data.result)} | attributes, event.facets())
    answered = [answering]
    if data.model is not None:
        answered.append(node_of("model", data.model))
    if data.agent is not None:
        answered.append(plain("agent", data.agent))
    out.claims += [Claim(actor=node, kind="answered", entity=entity) for entity in answered]
    for source in data.inputs or ():
        entity = node_of("dataset", source)
        out.claims.append(Claim(actor=node, kind="answered", entity=entity, detail={"role": source.role}))


def feedback(event: Event, data: vocabulary.Feedback, out: Derived) -> None:
    told = {"value": json_value(data.value)} | known(detail=data.detail)
    # one facet for each event, so that every voice stays heard
    facets = event.facets()
    facets[f"feedback:{event.source}/{event.id}"] = facets.pop(event.type)
    say(out, data.subject.node, {f"feedback:{data.kind}": told}, facets)


def incident_opened(event: Event, data: vocabulary.Incident, out: Derived) -> None:
    _incident(event, data, out, {"state": "open", "opened": format_time(event.time)})


def incident_closed(event: Event, data: vocabulary.Incident, out: Derived) -> None:
    _incident(event, data, out, {"state": "closed", "closed": format_time(event.time)})


def _incident(event: Event, data: vocabulary.Incident, out: Derived, change: dict[str, str]) -> None:
    node = plain("incident", data.incident)
    attributes = known(
        title=data.title,
        severity=data.severity,
        detail=data.detail,
        drill=data.drill,
        subject=str(data.subject.node),
    )
    say(out, node, attributes | change, event.facets())
    out.claims.append(part_of_subject(node, data.subject.node))


def part_of_subject(incident: NodeKey, subject: NodeKey) -> Claim:
    return Claim(actor=incident, kind="part_of", entity=subject)


def retraction(event: Event, data: vocabulary.Retraction, out: Derived) -> None:
    # who may take back what a source said is who may speak for the source
    out.namespace = data.source
    out.retracts = (data.source, data.id)
