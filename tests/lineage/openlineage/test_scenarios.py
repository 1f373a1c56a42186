"""What the standard's own scenarios are read as."""

from typing import Any

from lineage.entities import keys
from lineage.entities.keys import NodeKey
from lineage.intake.openlineage.read import read
from tests.lineage.openlineage.standard import OPENLINEAGE, needs_standard


def _scenario(name: str) -> tuple[dict[NodeKey, dict[str, Any]], set[tuple[str, str, str, str]]]:
    """Return what a scenario's events say of each node, and their claims, in short."""
    nodes: dict[NodeKey, dict[str, Any]] = {}
    claims: set[tuple[str, str, str, str]] = set()
    for path in sorted((OPENLINEAGE / "scenarios" / name).glob("*.json"), key=lambda path: int(path.stem)):
        derived = read(path.read_bytes())
        for statement in derived.statements:
            nodes.setdefault(statement.node, {}).update(statement.attributes)
        for claim in derived.claims:
            entity = claim.entity.name.rpartition("/")[2]
            claims.add((claim.actor.name[-4:], claim.kind, entity, str(claim.detail.get("operation", ""))))
    return nodes, claims


@needs_standard
def test_the_column_lineage_scenario() -> None:
    nodes, claims = _scenario("CLL")
    application = "019127de-fd25-7707-bfa4-3ec02693a531"
    assert claims == {
        ("db2b", "part_of", application, ""),
        ("fe60", "part_of", application, ""),
        ("88a6", "part_of", application, ""),
        ("db2b", "wrote", "cll_source1", "overwrite"),
        ("fe60", "wrote", "cll_source2", "overwrite"),
        ("88a6", "read", "cll_source1", ""),
        ("88a6", "read", "cll_source2", ""),
        ("88a6", "wrote", "tbl1", "overwrite"),
    }
    app = "open_lineage_integration_create_table"
    assert sorted(node.name for node in nodes if node.kind == "job") == [
        app,
        f"{app}.execute_create_hive_table_as_select_command.default_tbl1",
        f"{app}.execute_create_table_command.cll_test_cll_source1",
        f"{app}.execute_create_table_command.cll_test_cll_source2",
    ]
    assert nodes[keys.run(application)] == {
        "job": str(keys.job("testColumnLevelLineage", app)),
        "run_state": "COMPLETE",
        "engine": "spark 3.3.4",
    }
    source = nodes[keys.dataset("file", "/tmp/cll_test/cll_source1")]
    assert source == {
        "fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}],
        "same_as": [str(keys.dataset("file:/tmp/cll_test", "default.cll_source1"))],
    }


@needs_standard
def test_the_scenario_of_a_whole_spark_application() -> None:
    nodes, claims = _scenario("spark_dataproc_simple_producer_test_complete")
    application = "019299c5-12f5-7946-b5b2-c6abab662e20"
    assert claims == {
        *((run, "part_of", application, "") for run in ("4279", "c50d", "9854", "3117", "6047", "b577")),
        ("9854", "wrote", "t1", "overwrite"),
        ("3117", "wrote", "t1", ""),
        ("6047", "wrote", "t2", "overwrite"),
        ("b577", "read", "t1", ""),
        ("b577", "wrote", "t2", ""),
    }
    warehouse = "hdfs://dataproc-producer-test-m"
    assert {node.name: what.get("dropped") for node, what in nodes.items() if node.kind == "dataset"} == {
        "/user/hive/warehouse/t1": True,
        "/user/hive/warehouse/t2": True,
    }
    assert {node.namespace for node in nodes if node.kind == "dataset"} == {warehouse}
