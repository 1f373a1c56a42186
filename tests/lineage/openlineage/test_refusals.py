"""What is refused, where it points, and under which code."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lineage.intake.derived import Refused
from lineage.intake.openlineage.read import read
from tests.lineage.openlineage.standard import PRODUCER, RUN_ID, dataset_event, facet, job_event, run_event

NUL = "\0"


def refusal(event: Any, now: datetime | None = None) -> tuple[str, str, str]:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    with pytest.raises(Refused) as refused:
        read(raw, now)
    assert refused.value.status == 400
    return refused.value.code, refused.value.pointer, refused.value.reason


def item(**members: Any) -> dict[str, Any]:
    return {"namespace": "s3://lake", "name": "raw", **members}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b'{"eventTime": NaN}', "byte 14"),
        (b'{"a": "\xff"}', "not UTF-8 (byte 7)"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8 (byte 7)"),
        (rb'{"a": "\ud800", "b": 1}', "surrogate"),
        (rb'{"\udc00abcdef": 1}', "surrogate"),
        (b'{"a": "\x00"}', "byte 7"),
        (b"\xef\xbb\xbf{}", "byte 0"),
        (b'{"a": 1e999}', "out of range"),
        (b"{} {}", "trailing"),
    ],
)
def test_what_is_no_json(raw: bytes, reason: str) -> None:
    code, pointer, said = refusal(raw)
    assert (code, pointer) == ("malformed", "")
    assert reason in said


def _nested(levels: int) -> Any:
    value: Any = "end"
    for _ in range(levels):
        value = {'quoted \\" { bracket': value}
    return value


def test_values_nested_more_than_a_hundred_deep() -> None:
    # the event, the job, its facets and the facet are four
    def event(levels: int) -> dict[str, Any]:
        return run_event(job={"namespace": "n", "name": "n", "facets": {"x": facet(value=_nested(levels))}})

    read(json.dumps(event(96)).encode())
    assert refusal(event(97))[0] == "too-deep"
    assert refusal(b"[" * 100_000 + b"]" * 100_000)[0] == "too-deep"
    assert refusal(b'{"a":' * 100_000)[0] in ("too-deep", "malformed")


def test_many_brackets_are_not_depth() -> None:
    read(json.dumps(run_event(job={"namespace": "n", "name": "[{" * 500, "facets": {}})).encode())
    read(json.dumps(run_event(extra=[[{}]] * 500)).encode())


def test_the_kinds_of_event() -> None:
    assert refusal([])[1:] == ("", "an event is a JSON object")
    assert "a run and a job" in refusal({})[2]
    assert refusal({"run": {}})[1] == "/job"
    both = job_event(dataset=item())
    assert "neither a JobEvent nor a DatasetEvent" in refusal(both)[2]


@pytest.mark.parametrize(
    ("damage", "pointer", "reason"),
    [
        (lambda e: e.pop("eventTime"), "/eventTime", "is missing"),
        (lambda e: e.pop("producer"), "/producer", "is missing"),
        (lambda e: e.update(schemaURL=""), "/schemaURL", "must not be empty"),
        (lambda e: e.update(eventType="DONE"), "/eventType", "must be one of"),
        (lambda e: e.update(eventType=None), "/eventType", "must be one of"),
        (lambda e: e.update(run=[]), "/run", "must be an object, not an array"),
        (lambda e: e["run"].update(runId=5), "/run/runId", "must be a string, not a number"),
        (lambda e: e["run"].update(runId=RUN_ID + "\n"), "/run/runId", "UUID"),
        (lambda e: e["run"].update(runId=RUN_ID.replace("-", "")), "/run/runId", "UUID"),
        (lambda e: e["run"].update(facets=None), "/run/facets", "must be an object, not null"),
        (lambda e: e["job"].update(name=""), "/job/name", "must not be empty"),
        (lambda e: e["job"].update(name="x" * 2001), "/job/name", "2,001 characters"),
        (lambda e: e["job"].update(name="ü" * 1500), "/job", "2,500 bytes"),
        (lambda e: e["job"].update(name=f"a{NUL}b"), "/job", "NUL"),
        (lambda e: e.update(inputs={}), "/inputs", "must be an array, not an object"),
        (lambda e: e["inputs"].append({"name": "x"}), "/inputs/1/namespace", "is missing"),
        (lambda e: e["inputs"][0].update(namespace=f"{NUL}"), "/inputs/0", "NUL"),
        (lambda e: e["inputs"][0].update(inputFacets={"x": 1}), "/inputs/0/inputFacets/x", "an object"),
    ],
)
def test_the_standards_own_words(damage: Callable[[Any], Any], pointer: str, reason: str) -> None:
    event = copy.deepcopy(run_event(inputs=[item()]))
    damage(event)
    code, at, said = refusal(event)
    assert (code, at) == ("invalid", pointer)
    assert reason in said


@pytest.mark.parametrize(
    ("facets", "pointer"),
    [
        ({"a/b~c": {"_producer": PRODUCER}}, "/a~1b~0c/_schemaURL"),
        ({"custom": facet(_deleted="yes")}, "/custom/_deleted"),
        ({"schema": facet(fields=[{"name": "a"}, {"name": 5}])}, "/schema/fields/1/name"),
        ({"schema": facet(fields=[{"name": "a", "fields": [{}]}])}, "/schema/fields/0/fields/0/name"),
        ({"columnLineage": facet(fields={"a/b": {}})}, "/columnLineage/fields/a~1b/inputFields"),
        ({"version": facet(datasetVersion=7)}, "/version/datasetVersion"),
        (
            {"symlinks": facet(identifiers=[{"namespace": "", "name": "x", "type": "T"}])},
            "/symlinks/identifiers/0/namespace",
        ),
        (
            {"lifecycleStateChange": facet(lifecycleStateChange="MOVE")},
            "/lifecycleStateChange/lifecycleStateChange",
        ),
        ({"dataQualityMetrics": facet(columnMetrics={}, rowCount=1.5)}, "/dataQualityMetrics/rowCount"),
        ({"dataQualityMetrics": facet(columnMetrics={}, rowCount=10**400)}, "/dataQualityMetrics/rowCount"),
        ({"lineage": facet(inputs=[{"type": "TABLE"}])}, "/lineage/inputs/0/type"),
        ({"lineage": facet(inputs=[{"type": "JOB", "name": "x"}])}, "/lineage/inputs/0/namespace"),
        (
            {"lineage": facet(fields={"~": {"inputs": [{"type": "JOB", "namespace": "x"}]}})},
            "/lineage/fields/~0/inputs/0/name",
        ),
    ],
)
def test_facets(facets: dict[str, Any], pointer: str) -> None:
    code, at, _ = refusal(dataset_event(**facets))
    assert (code, at) == ("invalid", f"/dataset/facets{pointer}")


def test_names_inside_facets_hold_no_nul_either() -> None:
    assert refusal(dataset_event(version=facet(datasetVersion=f"1{NUL}")))[1] == "/dataset"
    identifiers = [{"namespace": "n", "name": f"{NUL}", "type": "T"}]
    pointer = "/dataset/facets/symlinks/identifiers/0"
    assert refusal(dataset_event(symlinks=facet(identifiers=identifiers)))[1] == pointer
    assert refusal(dataset_event(**{f"x{NUL}": facet()}))[1] == "/dataset/facets"


def test_nul_elsewhere_is_replaced_in_what_is_understood() -> None:
    event = run_event(
        producer=f"p{NUL}",
        run={"runId": RUN_ID, "facets": {"errorMessage": facet(message=f"a{NUL}b", programmingLanguage="C")}},
        inputs=[item(inputFacets={"x": facet(values=[{f"k{NUL}": f"v{NUL}"}])})],
    )
    derived = read(json.dumps(event).encode())
    assert derived.producer == "p\ufffd"
    assert derived.statements[0].attributes["error"] == "a\ufffdb"
    assert rb"a\u0000b" in derived.statements[0].facets["errorMessage"]
    assert derived.claims[0].detail["facets"]["x"]["values"] == [{"k\ufffd": "v\ufffd"}]


@pytest.mark.parametrize(
    ("time", "code"),
    [
        ("2026-03-01T08:30:00", "invalid-time"),
        ("yesterday", "invalid-time"),
        ("1969-12-31T23:59:59Z", "invalid-time"),
        ("2026-03-01T10:30:01Z", "future-time"),
    ],
)
def test_times(time: str, code: str) -> None:
    now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert refusal(run_event(eventTime=time), now)[:2] == (code, "/eventTime")


def test_a_time_inside_a_facet() -> None:
    event = run_event(run={"runId": RUN_ID, "facets": {"nominalTime": facet(nominalStartTime="noon")}})
    assert refusal(event)[:2] == ("invalid-time", "/run/facets/nominalTime/nominalStartTime")


def test_without_a_now_the_future_is_not_judged() -> None:
    read(json.dumps(run_event(eventTime="2926-03-01T10:30:01Z")).encode())
