"""What is said to exist: departments, systems, agents, and the versions of datasets and models."""

from typing import Any

import msgspec

from lineage.entities import keys
from lineage.entities.keys import NodeKey, plain
from lineage.graph.assertions import Claim
from lineage.intake.cloudevents import vocabulary
from lineage.intake.cloudevents.said import Event, json_value, known, node_of, owned, ref_value, say
from lineage.intake.derived import Derived


def department(event: Event, data: vocabulary.Department, out: Derived) -> None:
    node = plain("department", data.department)
    attributes = known(title=data.title, parent=data.parent, cost_center=data.cost_center)
    say(out, node, attributes, event.facets())
    if data.parent is not None:
        out.claims.append(Claim(actor=node, kind="part_of", entity=plain("department", data.parent)))


def system(event: Event, data: vocabulary.System, out: Derived) -> None:
    node = plain("system", data.system)
    attributes = known(
        title=data.title,
        purpose=data.purpose,
        role=data.role,
        risk_class=data.risk_class,
        annex_iii=data.annex_iii,
        department=data.department,
        owners=[data.owner],
    )
    say(out, node, attributes, event.facets())
    parts = [node_of("deployment", ref) for ref in data.deployments or ()]
    parts += [plain("agent", agent) for agent in data.agents or ()]
    out.claims += [Claim(actor=part, kind="part_of", entity=node) for part in parts]
    owned(out, node, data.department, data.owner)


def _fields(schema: list[vocabulary.Field] | vocabulary.Schema | None) -> list[dict[str, Any]] | None:
    if schema is None:
        return None
    columns = schema.fields if isinstance(schema, vocabulary.Schema) else schema
    return [
        known(
            name=column.name,
            type=column.type,
            description=column.description,
            fields=_fields(column.fields),
        )
        for column in columns
    ]


def dataset_version(event: Event, data: vocabulary.DatasetVersion, out: Derived) -> None:
    out.namespace = data.namespace
    node = keys.dataset(data.namespace, data.name)
    # what is said of one version's protection holds for the dataset too, until a steward decides
    standing = known(
        classification=data.classification,
        personal_data=data.personal_data,
        jurisdictions=data.jurisdictions,
        department=data.department,
        license=data.license,
        location=data.location,
    )
    attributes = standing | known(
        made=True,
        operation=data.operation,
        previous=data.previous,
        digest=data.digest,
        row_count=data.row_count,
        fields=_fields(data.schema),
        partitions=None if data.partitions is None else [json_value(part) for part in data.partitions],
    )
    say(out, node.at_version(data.version), attributes, event.facets())
    say(out, node, standing)
    owned(out, node, data.department)


def model_version(event: Event, data: vocabulary.ModelVersion, out: Derived) -> None:
    out.namespace = data.namespace
    node = keys.model(data.namespace, data.name)
    version = node.at_version(data.version)
    attributes = known(
        made=True,
        digest=data.digest,
        framework=data.framework,
        precision=data.precision,
        materiality=data.materiality,
        code=None if data.code is None else msgspec.to_builtins(data.code),
        parameters_digest=data.parameters_digest,
        environment_digest=data.environment_digest,
        department=data.department,
    )
    say(out, version, attributes, event.facets())
    say(out, node, known(department=data.department))
    for source in data.inputs or ():
        out.claims.append(
            Claim(
                actor=version,
                kind="trained",
                entity=node_of("dataset", source),
                detail=known(role=source.role, digest=source.digest),
            )
        )
    for origin in data.derived_from or ():
        detail = {"relation": origin.relation}
        out.claims.append(
            Claim(actor=version, kind="derived", entity=node_of("model", origin), detail=detail)
        )
    if data.run is not None:
        out.claims.append(Claim(actor=run_of(data.run), kind="wrote", entity=version))
    owned(out, node, data.department)


def run_of(run: vocabulary.RunRef) -> NodeKey:
    return keys.run(run.id, run.issuer or "openlineage")


def model_alias(event: Event, data: vocabulary.ModelAlias, out: Derived) -> None:
    out.namespace = data.namespace
    moved = known(version=data.version, actor=data.actor)
    say(out, keys.model(data.namespace, data.name), {f"alias:{data.alias}": moved}, event.facets())


def test(event: Event, data: vocabulary.Test, out: Derived) -> None:
    out.namespace = data.model.namespace
    result = known(
        passed=data.passed,
        metrics={name: value.as_json() for name, value in data.metrics.items()},
        dataset=None if data.dataset is None else str(node_of("dataset", data.dataset)),
        report=data.report,
    )
    # each suite's result stands by itself, so its facet has the suite's name
    facets = event.facets()
    facets[f"test:{data.suite}"] = facets.pop(event.type)
    say(out, node_of("model", data.model), {f"test:{data.suite}": result}, facets)


def agent(event: Event, data: vocabulary.Agent, out: Derived) -> None:
    node = plain("agent", data.agent)
    attributes = known(
        title=data.title,
        department=data.department,
        owners=[data.owner],
        prompt_digest=data.prompt_digest,
        state=data.state,
        tools=data.tools,
        deployment=None if data.deployment is None else ref_value(data.deployment),
    )
    say(out, node, attributes, event.facets())
    actor = node
    if data.version is not None:
        actor = node.at_version(data.version)
        say(out, actor, {"made": True} | known(prompt_digest=data.prompt_digest, tools=data.tools))
    used = [] if data.deployment is None else [node_of("deployment", data.deployment)]
    used += [plain("tool", tool) for tool in data.tools or ()]
    used += [node_of("dataset", index) for index in data.indexes or ()]
    out.claims += [Claim(actor=actor, kind="uses", entity=entity) for entity in used]
    if data.parent_agent is not None:
        out.claims.append(Claim(actor=node, kind="part_of", entity=plain("agent", data.parent_agent)))
    owned(out, node, data.department, data.owner)
