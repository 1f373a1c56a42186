"""What bad input gets: a clear answer, nothing lost, nothing half applied, and the next event is served."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from factory.kit.grants import Issued
from lineage.intake.models import Submission
from lineage.intake.vault import open_body
from tests.conformance.events import (
    BATCHED,
    JSON,
    STRUCTURED,
    binary,
    cloud_event,
    dataset,
    facet,
    run_event,
    spelt,
    usage,
)
from tests.conformance.facts import broken_rules
from tests.conformance.plant import Plant
from tests.conformance.wire import Wire

ONE, BATCH, EVENTS = "/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/events"
NUL = "\\u0000"


@pytest.fixture(autouse=True, scope="module")
def _nothing_half_applied(server: Plant) -> Iterator[None]:
    """When all is done, the facts agree."""
    yield
    assert broken_rules(server.rows) == {}


@pytest.fixture(autouse=True)
def _the_next_is_served(server: Plant, client: httpx.Client, here: str) -> Iterator[None]:
    """After every test: the next event is served, and no fault is in the log."""
    faults = server.log().count("Traceback")
    yield
    assert client.post(ONE, json=run_event(here)).status_code == 201
    assert client.post(EVENTS, content=spelt(usage(here)), headers=STRUCTURED).status_code == 201
    assert server.log().count("Traceback") == faults


def texts(event: dict[str, Any], **replacements: str) -> bytes:
    """Spell the event, then replace marks in it by text that no encoder would write."""
    body = json.dumps(event)
    for mark, text in replacements.items():
        body = body.replace(f'"{mark}"', text)
    return body.encode("utf-8", "surrogatepass")


def deep(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + closing * levels


def bad_events(here: str) -> dict[str, tuple[bytes, str | None]]:
    """Return bad RunEvents by what is bad, each with the pointer that the answer names (None: any)."""
    good = spelt(run_event(here))
    mark = run_event(here, run={"runId": "019127df-00a2-743c-b714-df7e6dcadb2b", "facets": {"x": "MARK"}})
    return {
        "cut off": (good[:-1], ""),
        "two values": (good + b"{}", ""),
        "a comma too many": (good[:-1] + b",}", ""),
        "single quotes": (good.replace(b'"', b"'"), ""),
        "not UTF-8": (good.replace(b"load", b"lo\xff"), ""),
        "UTF-16": (good.decode().encode("utf-16"), ""),
        "a text": (b'"event"', ""),
        "a number": (b"1", ""),
        "an array": (b"[]", ""),
        "an array of one event": (b"[" + good + b"]", ""),
        "nothing in it": (b"{}", ""),
        "NaN": (texts(mark, MARK="NaN"), None),
        "Infinity": (texts(mark, MARK="-Infinity"), None),
        "half a surrogate pair": (texts(run_event("MARK"), MARK=r'"\ud800"'), ""),
        "half a surrogate pair, raw": (texts(run_event("MARK"), MARK='"\ud800"'), ""),
        "a control character": (texts(run_event("MARK"), MARK='"\x01"'), ""),
        "a NUL byte": (texts(run_event("MARK"), MARK='"a\0b"'), ""),
        "a NUL in a name": (texts(run_event("MARK"), MARK=f'"a{NUL}b"'), "/job"),
        "a number beyond all floats": (texts(mark, MARK="1e400"), None),
        "a NUL in a dataset": (
            texts(run_event(here, inputs=[dataset(here, "MARK")]), MARK=f'"a{NUL}b"'),
            "/inputs/0",
        ),
        "nested 101 deep": (texts(mark, MARK=deep(98)), None),
        "nested 100,000 deep": (texts(mark, MARK=deep(100_000)), None),
        "objects nested deep": (texts(mark, MARK='{"a":' * 50_000 + "1" + "}" * 50_000), None),
        "an endless opening": (b"[" * 1_000_000, None),
        "no time": (spelt({**run_event(here), "eventTime": None}), "/eventTime"),
        "time without a zone": (spelt(run_event(here, eventTime="2026-03-01T08:30:00")), "/eventTime"),
        "a date": (spelt(run_event(here, eventTime="2026-03-01")), "/eventTime"),
        "no day": (spelt(run_event(here, eventTime="2026-02-30T00:00:00Z")), "/eventTime"),
        "the year 0": (spelt(run_event(here, eventTime="0000-01-01T00:00:00Z")), "/eventTime"),
        "before 1970": (spelt(run_event(here, eventTime="1969-12-31T23:59:59Z")), "/eventTime"),
        "the far future": (spelt(run_event(here, eventTime="9999-12-31T23:59:59Z")), "/eventTime"),
        "beyond the calendar": (spelt(run_event(here, eventTime="9999-12-31T23:59:59-14:00")), "/eventTime"),
        "a number for a time": (spelt(run_event(here, eventTime=1772352000)), "/eventTime"),
        "a run id that is no UUID": (spelt(run_event(here, run={"runId": "run_id"})), "/run/runId"),
        "a run that is a text": (spelt(run_event(here, run="x")), "/run"),
        "inputs that are an object": (spelt(run_event(here, inputs={})), "/inputs"),
        "an input that is null": (spelt(run_event(here, inputs=[None])), "/inputs/0"),
        "an unknown state": (spelt(run_event(here, eventType="DONE")), "/eventType"),
        "a facet that is a number": (spelt(mark).replace(b'"MARK"', b"7"), "/run/facets/x"),
        "a name too long": (spelt(run_event(here, job="j" * 5000)), "/job/name"),
        "a dataset's name too long": (
            spelt(run_event(here, outputs=[dataset(here, "€" * 900)])),
            "/outputs/0",
        ),
        "a version too long": (
            spelt(run_event(here, outputs=[dataset(here, "x", "v" * 3000)])),
            None,
        ),
        "a hundred thousand digits": (texts(mark, MARK="1" * 100_000), None),
    }


BAD = list(bad_events("x"))


@pytest.mark.parametrize("what", BAD)
def test_a_bad_event(client: httpx.Client, here: str, what: str) -> None:
    body, pointer = bad_events(here)[what]
    answer = client.post(ONE, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text[:500]
    problem = answer.json()
    assert problem["detail"] and "Plumbline" not in problem["detail"], problem
    assert pointer is None or problem["errors"][0]["pointer"] == pointer, problem
    assert open_body(Submission.objects.get(pk=problem["submission"])) == body
    assert client.get("/api/v1/nodes", params={"namespace": here}).json()["results"] == []


def test_bad_events_in_a_batch_do_not_hold_up_the_good(client: httpx.Client, here: str) -> None:
    def no_number(text: str) -> None:
        raise ValueError(text)

    bad = []
    for body, _ in bad_events(here).values():
        try:
            json.loads(body.decode(), parse_constant=no_number)
        except (ValueError, RecursionError):
            continue  # it would make the whole array unreadable
        bad.append(body)
    good = [spelt(run_event(here, job=f"job {number}")) for number in range(len(bad))]
    sent = [part for pair in zip(bad, good, strict=True) for part in pair]
    answer = client.post(BATCH, content=b"[" + b",".join(sent) + b"]", headers=JSON)
    assert answer.status_code == 200, answer.text[:500]
    result = answer.json()
    assert [f["index"] for f in result["failed_events"]] == list(range(0, len(sent), 2))
    found = client.get("/api/v1/nodes", params={"namespace": here, "limit": 100}).json()["results"]
    assert len(found) == len(sent) // 2


@pytest.mark.parametrize(
    "body",
    [
        b"[[[[1]]]]",
        b'[1, null, true, "text", [], {}]',
        b"[" + b"{}," * 2000 + b"{}]",
    ],
)
def test_a_batch_of_no_events(client: httpx.Client, body: bytes) -> None:
    for path, headers in ((BATCH, JSON), (EVENTS, BATCHED)):
        result = client.post(path, content=body, headers=headers).json()
        assert result["status"] == "partial_success"
        assert result["summary"]["successful"] == 0
        assert result["summary"]["received"] == result["summary"]["failed"] == len(json.loads(body))


def test_an_empty_batch(client: httpx.Client) -> None:
    for path, headers in ((BATCH, JSON), (EVENTS, BATCHED)):
        answer = client.post(path, content=b"[]", headers=headers)
        assert answer.status_code == 200
        assert answer.json()["status"] == "success"
        assert answer.json()["summary"]["received"] == 0
        assert open_body(Submission.objects.get(pk=answer.json()["submission"])) == b"[]"


@pytest.mark.parametrize(
    "body",
    [b"{}", b"null", b"[1", b"[1,]", b"[" * 500_000, b'[{"a":' * 200_000, b"[\xff]", b'["\\ud800"]'],
    ids=lambda body: str(body[:12]),
)
def test_a_batch_that_is_no_array_of_values(client: httpx.Client, body: bytes) -> None:
    for path, headers in ((BATCH, JSON), (EVENTS, BATCHED)):
        answer = client.post(path, content=body, headers=headers)
        if answer.status_code == 200:  # an array of one value, which is no event
            assert answer.json()["summary"]["failed"] == 1
            continue
        assert answer.status_code == 400
        assert open_body(Submission.objects.get(pk=answer.json()["submission"])) == body


# --- strange, and good ----------------------------------------------------------------------------
def strange_events(here: str) -> dict[str, bytes]:
    """Return events that are strange, and that the standard lets pass."""
    mark = run_event(
        here, run={"runId": "019127df-00a2-743c-b714-df7e6dcadb2b", "facets": {"x": facet(y="MARK")}}
    )
    return {
        "a NUL in a facet": texts(mark, MARK=f'"a{NUL}b"'),
        "a NUL in a facet's name": texts(mark, y=f'"a{NUL}b"'),
        "a NUL in the producer": texts(run_event(here, producer="MARK"), MARK='"https://x"'),
        "a huge integer": texts(mark, MARK="123456789012345678901234567890"),
        "a large float": texts(mark, MARK="1e300"),
        "a tiny float": texts(mark, MARK="-1e-400"),
        "many digits behind the point": texts(mark, MARK="0." + "1" * 5000),
        "a member twice": spelt(run_event(here)).replace(
            b'"producer"', b'"eventType": "START", "producer"', 1
        ),
        "ten thousand members": spelt(run_event(here) | {f"m{n}": n for n in range(10_000)}),
        "ten thousand facets": spelt(
            run_event(
                here,
                run={
                    "runId": "019127df-00a2-743c-b714-df7e6dcadb2b",
                    "facets": {f"f{n}": facet(n=n) for n in range(10_000)},
                },
            )
        ),
        "nested 99 deep": texts(mark, MARK=deep(95)),
        "a long name": spelt(run_event(here, job="j" * 2000)),
        "a name that does not compress": spelt(
            run_event(here, job="".join(map(chr, range(0x4E00, 0x4E00 + 800))))
        ),
        "a name of blanks": spelt(run_event(here, job="   ")),
        "a name of separators": spelt(run_event(here, job="a/b@c:d%2F?&#'\"\\")),
        "a name of emoji": spelt(run_event(here, job="👩🏽‍🚀\u202e\ufeff")),
        "a long facet text": texts(mark, MARK='"' + "x" * 2_000_000 + '"'),
        "a thousand inputs": spelt(run_event(here, inputs=[dataset(here, f"d{n}") for n in range(1000)])),
        "the same input a thousand times": spelt(run_event(here, inputs=[dataset(here, "d")] * 1000)),
        "an input that is its own output": spelt(
            run_event(here, inputs=[dataset(here, "d")], outputs=[dataset(here, "d")])
        ),
        "a symlink to itself": spelt(
            run_event(
                here,
                inputs=[
                    dataset(
                        here,
                        "d",
                        symlinks=facet(identifiers=[{"namespace": here, "name": "d", "type": "TABLE"}] * 3),
                    )
                ],
            )
        ),
        "a leap second": spelt(run_event(here, eventTime="2016-12-31T23:59:60Z")),
        "digits beyond a microsecond": spelt(
            run_event(here, eventTime="2026-03-01T08:30:00.123456789+05:30")
        ),
    }


STRANGE = list(strange_events("x"))


@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_event(client: httpx.Client, here: str, what: str) -> None:
    body = strange_events(here)[what]
    answer = client.post(ONE, content=body, headers=JSON)
    assert answer.status_code == 201, answer.text[:500]
    assert client.post(ONE, content=body, headers=JSON).status_code == 200
    found = client.get("/api/v1/nodes", params={"namespace": here, "kind": "job"}).json()["results"]
    assert len(found) == 1
    for node in (found[0]["key"], "run:openlineage/019127df-00a2-743c-b714-df7e6dcadb2b"):
        assert client.get("/api/v1/node", params={"key": node}).status_code in (200, 404)
        assert client.get("/api/v1/trace", params={"node": node}).status_code in (200, 404)


# --- CloudEvents ----------------------------------------------------------------------------------
def bad_cloud_events(here: str) -> dict[str, tuple[bytes, str | None]]:
    event = usage(here)
    mark = cloud_event(here, "factory.usage.recorded", {"meters": {"requests": 1}, "tags": {"t": "MARK"}})

    def without(name: str) -> bytes:
        return spelt({member: value for member, value in event.items() if member != name})

    return {
        "cut off": (spelt(event)[:-1], ""),
        "no id": (without("id"), "/id"),
        "no source": (without("source"), "/source"),
        "no time": (without("time"), "/time"),
        "no type": (without("type"), "/type"),
        "no data": (without("data"), "/data"),
        "another version": (spelt(event | {"specversion": "0.3"}), "/specversion"),
        "an unknown type": (spelt(event | {"type": "factory.nothing.happened"}), "/type"),
        "a type that is a number": (spelt(event | {"type": 7}), "/type"),
        "time without a zone": (spelt(event | {"time": "2026-03-01T08:30:00"}), "/time"),
        "the far future": (spelt(event | {"time": "9999-01-01T00:00:00Z"}), "/time"),
        "an empty id": (spelt(event | {"id": ""}), "/id"),
        "a NUL in the id": (texts(event | {"id": "MARK"}, MARK=f'"{NUL}"'), "/id"),
        "a NUL in the source": (texts(event | {"source": "MARK"}, MARK=f'"{NUL}"'), "/source"),
        "a NUL in the type": (texts(event | {"type": "MARK"}, MARK=f'"{NUL}"'), "/type"),
        "a NUL in the data": (texts(mark, MARK=f'"{NUL}"'), "/data/tags/t"),
        "half a surrogate pair": (texts(mark, MARK=r'"\udfff"'), ""),
        "a long id": (spelt(event | {"id": "i" * 5000}), "/id"),
        "a long source": (spelt(event | {"source": "s" * 5000}), None),
        "data that is a text": (spelt(event | {"data": "x"}), "/data"),
        "a quantity that is infinite": (spelt(event).replace(b'"requests": 1', b'"requests": 1e999'), None),
        "a quantity of a thousand digits": (
            spelt(event).replace(b'"requests": 1', b'"requests": ' + b"9" * 1000),
            None,
        ),
        "a quantity below zero": (
            spelt(event | {"data": {"meters": {"requests": -1}}}),
            "/data/meters/requests",
        ),
        "not base64": (
            spelt({k: v for k, v in event.items() if k != "data"} | {"data_base64": "%%%"}),
            "/data_base64",
        ),
        "nested deep": (texts(mark, MARK=deep(50_000)), None),
        "nested 101 deep": (texts(mark, MARK=deep(98)), None),
        "a hundred thousand digits": (texts(mark, MARK="1" * 100_000), None),
    }


@pytest.mark.parametrize("what", list(bad_cloud_events("x")))
def test_a_bad_cloud_event(client: httpx.Client, here: str, what: str) -> None:
    body, pointer = bad_cloud_events(here)[what]
    answer = client.post(EVENTS, content=body, headers=STRUCTURED)
    assert answer.status_code == 400, answer.text[:500]
    problem = answer.json()
    assert problem["detail"] and "Plumbline" not in problem["detail"], problem
    assert pointer is None or problem["errors"][0]["pointer"] == pointer, problem
    assert open_body(Submission.objects.get(pk=problem["submission"])) == body


@pytest.mark.parametrize("body", [deep(100_000).encode(), b'{"a":' * 100_000, b"\xff", b"", b"1", b"[]"])
def test_binary_mode_with_data_that_is_none(client: httpx.Client, here: str, body: bytes) -> None:
    headers, _ = binary(usage(here))
    answer = client.post(EVENTS, content=body, headers=headers)
    assert answer.status_code == 400, answer.text[:500]
    assert open_body(Submission.objects.get(pk=answer.json()["submission"])) == body


@pytest.mark.parametrize("value", [b"%00", b"%ff", b"\xff", b"%zz", b'"open', b"a" * 4000, b""])
def test_binary_mode_with_headers_that_are_none(
    server: Plant, everything: Issued, here: str, value: bytes
) -> None:
    headers, body = binary(usage(here))
    lines = [f"{name}: {text}".encode() for name, text in headers.items() if name != "ce-id"]
    lines += [b"ce-id: " + value, b"Host: x", f"Authorization: Bearer {everything.secret}".encode()]
    lines += [f"Content-Length: {len(body)}".encode()]
    with Wire(server.url) as wire:
        wire.send(b"POST /api/v1/events HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\n" + body)
        answer = wire.answer()
    # a percent sign that starts no escape stays what it is, and so does a quote that never ends
    assert answer.status in ((201, 200) if value in (b"%zz", b'"open') else (400,)), answer


def test_many_attributes_and_long_headers(client: httpx.Client, here: str) -> None:
    headers, body = binary(usage(here))
    many = headers | {f"ce-extension{number}": "x" * 20 for number in range(60)}
    assert client.post(EVENTS, content=body, headers=many).status_code == 201
    answer = client.post(EVENTS, content=body, headers=headers | {"ce-extension": "x" * 1_000_000})
    assert answer.status_code in (400, 431, 413)


# --- what contradicts what came before ------------------------------------------------------------
def test_a_run_id_that_another_job_uses_too(client: httpx.Client, here: str) -> None:
    event = run_event(here, job="one", outputs=[dataset(here, "a")])
    other = run_event(here, job="two", run_id=event["run"]["runId"], outputs=[dataset(here, "b")])
    assert client.post(ONE, json=event).status_code == 201
    assert client.post(ONE, json=other).status_code == 201
    node = client.get("/api/v1/node", params={"key": f"run:openlineage/{event['run']['runId']}"}).json()
    assert node["conflicting"]
    trace = client.get("/api/v1/trace", params={"node": f"dataset:{here}/a"}).json()
    assert trace["completeness"]["conflicting"] == 1


def test_one_version_of_two_digests(client: httpx.Client, here: str) -> None:
    data = {"namespace": here, "name": "raw", "version": "1", "digest": "sha256:aa"}
    for digest in ("sha256:aa", "sha256:bb"):
        event = cloud_event(here, "factory.dataset_version.declared", data | {"digest": digest})
        assert client.post(EVENTS, content=spelt(event), headers=STRUCTURED).status_code == 201
    event = run_event(here, inputs=[dataset(here, "raw", "1")], outputs=[dataset(here, "clean")])
    client.post(ONE, json=event)
    node = client.get("/api/v1/node", params={"key": f"dataset_version:{here}/raw@1"}).json()
    assert node["conflicting"]
    trace = client.get("/api/v1/trace", params={"node": f"dataset:{here}/clean"}).json()
    assert trace["completeness"]["conflicting"] == 1


def test_a_source_may_not_loosen_a_classification(server: Plant, client: httpx.Client, here: str) -> None:
    data = {"namespace": here, "name": "raw", "version": "1"}
    for number, level in enumerate(("restricted", "public")):
        event = cloud_event(
            here,
            "factory.dataset_version.declared",
            data | {"classification": level},
            time=f"2026-03-0{number + 1}T00:00:00Z",
        )
        assert client.post(EVENTS, content=spelt(event), headers=STRUCTURED).status_code == 201
    node = client.get("/api/v1/node", params={"key": f"dataset_version:{here}/raw@1"}).json()
    assert node["classification"] == "restricted"


# --- questions ------------------------------------------------------------------------------------
KEYS = [
    "",
    ":",
    "dataset",
    "dataset:",
    "dataset:a",
    "dataset:/",
    "dataset:a/",
    "dataset:a/b@1",
    "dataset_version:a/b",
    "nothing:a/b",
    "dataset:a/b%00",
    "dataset:a%00/b",
    "dataset:a/b\0",
    "dataset_version:a/b@%00",
    "dataset:a/%ff",
    "dataset:a/%zz",
    "dataset:a/%",
    "dataset:a/%ud800",
    "dataset:" + "a/" * 3000,
    "dataset_version:" + "a/" * 200 + "@" * 200,
    "dataset:a/" + "b" * 60_000,
    "dataset:a/'; DROP TABLE lineage_node; --",
    "run:openlineage/x",
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:30])
def test_a_key_that_is_none(client: httpx.Client, key: str) -> None:
    for path, name in (("/api/v1/node", "key"), ("/api/v1/trace", "node")):
        answer = client.get(path, params={name: key})
        assert answer.status_code in (400, 404, 414), answer.text[:300]
        if answer.status_code != 414:
            assert answer.json()["detail"]


VALUES = ["%00", "a%00b", "%ff", "%ed%a0%80", "%", "%zz", "%E2%82", "'", "\\", "%25%00", "*", "a" * 50_000,
          "%F0%9F%98%80", "()&|!:*", "<->", "'a' %26 !", "%20"]  # fmt: skip
PARAMETERS = {
    "/api/v1/nodes": ("kind", "namespace", "name", "q", "tag", "owner", "department", "cursor", "limit"),
    "/api/v1/trace": ("direction", "depth", "at", "known_at", "limit", "offset"),
    "/api/v1/serving": ("at", "environment"),
    "/api/v1/node": (),
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in PARAMETERS.items() for name in names]
)
def test_query_parameters_of_every_sort(client: httpx.Client, here: str, path: str, name: str) -> None:
    client.post(ONE, json=run_event(here))
    rest = f"&node=job:{here}/load" if path == "/api/v1/trace" else ""
    for value in VALUES:
        answer = client.get(f"{path}?{name}={value}{rest}")
        assert answer.status_code in (200, 400, 404, 414), (value[:30], answer.text[:300])
        assert answer.headers["Content-Type"] in ("application/json", "application/problem+json")


@pytest.mark.parametrize(
    "cursor",
    ["cD0wMDAw", "cD0lMDA=", "cD1ub3BlJm89LTU=", "cD0yMDI2LTAzLTAx", "bz05OTk5OTk5OTk5OTk5OTk5", "cj0x"],
)
def test_a_cursor_that_somebody_made_up(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/api/v1/nodes", params={"cursor": cursor})
    assert answer.status_code in (200, 400, 404), answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", "-1"), ("depth", "101"), ("depth", "1.5"), ("depth", "٣"), ("limit", "0"), ("offset", "-1"),
     ("direction", "sideways"), ("at", "2026-03-01"), ("at", "yesterday"),
     ("known_at", "2026-03-01T00:00:00")],
)  # fmt: skip
def test_a_parameter_of_a_trace_that_is_none(client: httpx.Client, here: str, name: str, value: str) -> None:
    client.post(ONE, json=run_event(here))
    answer = client.get("/api/v1/trace", params={"node": f"job:{here}/load", name: value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-03-01T00:00:00 01:00"])
def test_a_time_far_away_is_a_time(client: httpx.Client, here: str, at: str) -> None:
    client.post(ONE, json=run_event(here))
    for name in ("at", "known_at"):
        answer = client.get("/api/v1/trace", params={"node": f"job:{here}/load", name: at})
        # long ago nothing was known of it
        assert answer.status_code == (404 if name == "known_at" and at < "9" else 200), answer.text
    assert client.get("/api/v1/serving", params={"at": at}).status_code == 200


def test_an_address_longer_than_a_server_reads(server: Plant) -> None:
    with Wire(server.url) as wire:
        try:
            wire.send(b"GET /api/v1/nodes?q=" + b"x" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        except ConnectionError:
            pass
        assert wire.answer().status in (400, 414, 431)
