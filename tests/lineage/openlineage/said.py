"""What an event says, in a form that tests compare."""

import json
from typing import Any

from lineage.entities import keys
from lineage.entities.keys import NodeKey
from lineage.intake.derived import Derived
from lineage.intake.openlineage.read import read
from tests.lineage.openlineage.standard import RUN_ID, facet

RUN = keys.run(RUN_ID)
JOB = keys.job("airflow", "load")
RAW = keys.dataset("s3://lake", "raw")
CLEAN = keys.dataset("s3://lake", "clean")
OTHER_RUN = "0191a111-0000-7000-8000-00000000000b"


def derive(event: dict[str, Any]) -> Derived:
    return read(json.dumps(event).encode())


def said(event: dict[str, Any]) -> dict[NodeKey, dict[str, Any]]:
    """Return the attributes that each node is given."""
    statements = derive(event).statements
    assert len({statement.node for statement in statements}) == len(statements)
    return {statement.node: statement.attributes for statement in statements}


def claimed(event: dict[str, Any]) -> list[tuple[NodeKey, str, NodeKey]]:
    return [(claim.actor, claim.kind, claim.entity) for claim in derive(event).claims]


def item(name: str = "raw", **members: Any) -> dict[str, Any]:
    return {"namespace": "s3://lake", "name": name, **members}


def version(name: str) -> dict[str, Any]:
    return facet(datasetVersion=name)
