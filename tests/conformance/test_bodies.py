"""How a body may come: chunked, packed, announced, too large, broken off."""

import gzip
import io
import json
import time
import zlib
from collections.abc import Iterator

import httpx
import pytest

from factory.kit.grants import Issued
from lineage.intake.models import Reading, Submission
from lineage.intake.vault import open_body
from tests.conformance.events import JSON, run_event, spelt
from tests.conformance.plant import Plant
from tests.conformance.wire import Closed, Wire

MIB = 1024 * 1024
ONE, BATCH = "/api/v1/lineage", "/api/v1/lineage/batch"


@pytest.fixture
def wire(server: Plant) -> Iterator[Wire]:
    with Wire(server.url) as wire:
        yield wire


@pytest.fixture
def bearer(everything: Issued) -> dict[str, str]:
    return {"Authorization": f"Bearer {everything.secret}", "Content_Type": "application/json"}


def kept(submission: str) -> bytes:
    return open_body(Submission.objects.get(pk=submission))


def in_pieces(raw: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


def still_serves(client: httpx.Client, here: str) -> None:
    assert client.post(ONE, json=run_event(here)).status_code == 201


# --- chunked --------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 700, 70_000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_chunked_body_is_read_whole(
    wire: Wire, bearer: dict[str, str], here: str, size: int, packed: bool
) -> None:
    body = spelt(run_event(here, note="x" * (1000 if size == 1 else 300_000)))
    sent = gzip.compress(body, 0) if packed else body
    encoding = {"Content_Encoding": "gzip"} if packed else {}
    for _ in range(2):  # the connection serves the next one too
        wire.head(ONE, Transfer_Encoding="chunked", **bearer, **encoding)
        wire.chunks(in_pieces(sent, size))
        answer = wire.answer()
        assert answer.status in (200, 201), answer
    found = json.loads(answer.body)
    assert found["status"] == "repeated"
    assert kept(found["repeat_of"]) == body


def test_a_generator_body_of_httpx_is_read_whole(client: httpx.Client, here: str) -> None:
    body = spelt([run_event(here) for _ in range(200)])
    answer = client.post(
        BATCH, content=in_pieces(gzip.compress(body), 999), headers=JSON | {"Content-Encoding": "gzip"}
    )
    assert answer.json()["summary"]["successful"] == 200
    assert kept(answer.json()["submission"]) == body


def test_a_chunk_with_extensions_and_trailers_is_read(wire: Wire, bearer: dict[str, str], here: str) -> None:
    body = spelt(run_event(here))
    wire.head(ONE, Transfer_Encoding="chunked", Trailer="X-Sum", **bearer)
    wire.send(b"%x;name=value\r\n%s\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(body), body))
    assert wire.answer().status == 201
    wire.head(ONE, Content_Length=str(len(body)), **bearer)
    wire.send(body)
    assert wire.answer().status == 200


@pytest.mark.parametrize(
    "spoilt", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n0\r\n\r\n"]
)
def test_a_broken_chunk_ends_the_connection_and_nothing_else(
    wire: Wire, bearer: dict[str, str], client: httpx.Client, here: str, spoilt: bytes
) -> None:
    wire.head(ONE, Transfer_Encoding="chunked", **bearer)
    wire.send(spoilt)
    try:
        assert 400 <= wire.answer().status < 500
    except Closed:
        pass
    still_serves(client, here)


def test_of_a_length_and_chunks_at_once_one_reading_holds(
    wire: Wire, bearer: dict[str, str], here: str, client: httpx.Client
) -> None:
    # RFC 9112 section 6.3: chunks win, or the request is refused; never is the rest a request of its own
    body = spelt(run_event(here))
    wire.head(ONE, Content_Length="5", Transfer_Encoding="chunked", **bearer)
    wire.chunks([body])
    try:
        answer = wire.answer()
    except Closed:
        pass
    else:
        assert answer.status in (201, 400)
        if answer.status == 201:
            assert kept(json.loads(answer.body)["submission"]) == body
    still_serves(client, here)


# --- announced ------------------------------------------------------------------------------------
def test_a_body_that_waits_for_leave_is_asked_for(wire: Wire, bearer: dict[str, str], here: str) -> None:
    body = spelt(run_event(here))
    wire.head(ONE, Content_Length=str(len(body)), Expect="100-continue", **bearer)
    assert wire.answer().status == 100
    wire.send(body)
    assert wire.answer().status == 201


def test_a_body_without_a_token_is_not_asked_for(wire: Wire, client: httpx.Client, here: str) -> None:
    wire.head(ONE, Content_Length="100000", Expect="100-continue", Content_Type="application/json")
    assert wire.answer().status == 401
    still_serves(client, here)


def test_a_body_that_is_too_large_is_not_asked_for(wire: Wire, bearer: dict[str, str]) -> None:
    wire.head(ONE, Content_Length=str(11_000_000), Expect="100-continue", **bearer)
    assert wire.answer().status == 413


def test_a_body_that_breaks_off_is_not_taken_for_whole(
    server: Plant, bearer: dict[str, str], client: httpx.Client, here: str
) -> None:
    """With a length that shows. In chunks the server can't tell: half an event is quarantined."""
    before = Submission.objects.count()
    body = spelt(run_event(here))
    with Wire(server.url) as wire:
        wire.head(ONE, Content_Length=str(len(body) + 10), **bearer)
        wire.send(body)
    still_serves(client, here)
    assert Submission.objects.count() == before + 1
    with Wire(server.url) as wire:
        wire.head(ONE, Transfer_Encoding="chunked", **bearer)
        wire.send(b"%x\r\n%s\r\n" % (len(body), body[: len(body) // 2]))
    still_serves(client, here)
    deadline = time.monotonic() + 10
    while Submission.objects.count() < before + 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    half = Submission.objects.order_by("-received_at", "-pk")[:2]
    outcomes = {reading.outcome for reading in Reading.objects.filter(submission__in=list(half))}
    assert outcomes == {"accepted", "quarantined"}


# --- the connection after an error ----------------------------------------------------------------
REFUSED = [
    (ONE, 413, {"Content_Length": "10000001"}, b"[" * 10_000_001),
    (ONE, 400, {"Content_Length": "9000000"}, b"[" * 9_000_000),
    (ONE, 415, {"Content_Length": "300000", "Content_Encoding": "br"}, b"x" * 300_000),
    (BATCH, 413, {"Content_Length": str(65 * MIB)}, b" " * 65 * MIB),
    (ONE, 401, {"Content_Length": "300000", "Authorization": "Bearer no"}, b"x" * 300_000),
    (ONE, 401, {"Content_Length": str(20 * MIB), "Authorization": "Bearer no"}, b"x" * 20 * MIB),
    ("/api/v1/nowhere", 404, {"Content_Length": "300000"}, b"x" * 300_000),
    ("/api/v1/nodes", 405, {"Content_Length": "300000"}, b"x" * 300_000),
]


@pytest.mark.parametrize(("path", "status", "headers", "body"), REFUSED, ids=lambda v: str(v)[:30])
def test_a_refused_body_does_not_poison_the_next_request(
    wire: Wire,
    bearer: dict[str, str],
    client: httpx.Client,
    here: str,
    path: str,
    status: int,
    headers: dict[str, str],
    body: bytes,
) -> None:
    """Either the connection goes on, or it is closed after the answer; never is the body a request."""
    wire.head(path, **(bearer | headers))
    try:
        wire.send(body)
    except ConnectionError:
        pass  # closed while we were sending: the answer may be there nevertheless
    answer = wire.answer()
    assert answer.status == status
    good = spelt(run_event(here))
    if answer.headers.get("connection") != "close":
        wire.head(ONE, Content_Length=str(len(good)), **bearer)
        wire.send(good)
        assert wire.answer().status == 201
    still_serves(client, here)


def test_a_chunked_body_above_the_bound_is_refused(wire: Wire, bearer: dict[str, str]) -> None:
    wire.head(ONE, Transfer_Encoding="chunked", **bearer)
    try:
        wire.chunks([b" " * MIB] * 66)
    except ConnectionError:
        pass
    assert wire.answer().status == 413


@pytest.mark.parametrize("refusal", [401, 413, 400])
def test_httpx_goes_on_after_a_refusal(server: Plant, client: httpx.Client, here: str, refusal: int) -> None:
    body, headers = {
        401: (spelt(run_event(here, note="x" * 300_000)), {"Authorization": "Bearer wrong"}),
        413: (b" " * 10_000_001, {}),
        400: (b"[" * 1_000_000, {}),
    }[refusal]
    for _ in range(3):
        assert client.post(ONE, content=body, headers=JSON | headers).status_code == refusal
        still_serves(client, here)


# --- packed ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate", "identity", ""])
def test_encodings_that_are_understood(client: httpx.Client, here: str, encoding: str) -> None:
    body = spelt(run_event(here))
    packed = {"gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    sent = packed.get(encoding.lower(), body)
    answer = client.post(ONE, content=sent, headers=JSON | {"Content-Encoding": encoding})
    assert answer.status_code == 201
    assert kept(answer.json()["submission"]) == body


def test_a_gzip_body_of_several_members_is_one_body(client: httpx.Client, here: str) -> None:
    body = spelt(run_event(here))
    sent = b"".join(gzip.compress(piece) for piece in in_pieces(body, 50))
    answer = client.post(ONE, content=sent, headers=JSON | {"Content-Encoding": "gzip"})
    assert kept(answer.json()["submission"]) == body


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "nonsense"])
def test_an_encoding_that_is_not_understood(client: httpx.Client, encoding: str) -> None:
    answer = client.post(ONE, content=b"{}", headers=JSON | {"Content-Encoding": encoding})
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "sent",
    [
        gzip.compress(spelt(run_event("truncated")))[:-9],
        gzip.compress(spelt(run_event("checksum")))[:-8] + b"\0" * 8,
        gzip.compress(spelt(run_event("garbage"))) + b"garbage",
        spelt(run_event("not packed at all")),
        b"\x1f\x8b",
    ],
    ids=["truncated", "checksum", "garbage behind", "not packed", "a header only"],
)
def test_a_broken_gzip_body_is_refused_and_kept(client: httpx.Client, here: str, sent: bytes) -> None:
    for path in (ONE, BATCH):
        answer = client.post(path, content=sent, headers=JSON | {"Content-Encoding": "gzip"})
        assert answer.status_code == 400, answer.text
        assert answer.json()["code"] == "malformed"
        assert kept(answer.json()["submission"]) == sent
        reading = Reading.objects.get(submission=answer.json()["submission"])
        assert reading.outcome == "quarantined" and "unpacked" in reading.reason
    still_serves(client, here)


# --- too large ------------------------------------------------------------------------------------
def _bomb(size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(size // MIB):
            file.write(b" " * MIB)
    return packed.getvalue()


@pytest.mark.parametrize(("path", "growth"), [(ONE, 40 * MIB), (BATCH, 160 * MIB)])
def test_a_bomb_is_refused_before_it_goes_off(
    server: Plant, client: httpx.Client, here: str, path: str, growth: int
) -> None:
    bomb = _bomb(512 * MIB)  # half a megabyte on the wire
    before = server.memory()
    for _ in range(4):
        answer = client.post(path, content=bomb, headers=JSON | {"Content-Encoding": "gzip"})
        assert answer.status_code == 413, answer.text
    assert server.memory() - before < growth
    still_serves(client, here)


def test_a_million_gzip_members_take_no_time(client: httpx.Client, here: str) -> None:
    sent = gzip.compress(b"") * 400_000  # eight megabytes, which hold nothing
    answer = client.post(ONE, content=sent, headers=JSON | {"Content-Encoding": "gzip"})
    assert answer.status_code == 400
    assert answer.elapsed.total_seconds() < 5
    still_serves(client, here)


@pytest.mark.parametrize("packed", [False, True])
def test_the_bound_of_one_event_is_ten_megabytes(client: httpx.Client, here: str, packed: bool) -> None:
    for size, status in ((10_000_000, 201), (10_000_001, 413)):
        body = spelt(run_event(here))
        body += b" " * (size - len(body))
        headers = JSON | ({"Content-Encoding": "gzip"} if packed else {})
        answer = client.post(ONE, content=gzip.compress(body, 1) if packed else body, headers=headers)
        assert answer.status_code == status, answer.text
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize("packed", [False, True])
def test_the_bound_of_a_batch_is_64_mebibytes(client: httpx.Client, here: str, packed: bool) -> None:
    for size, status in ((64 * MIB, 200), (64 * MIB + 1, 413)):
        body = spelt([run_event(here, run_id="019127df-00a2-743c-b714-df7e6dcadb2b")])
        body += b" " * (size - len(body))
        headers = JSON | ({"Content-Encoding": "gzip"} if packed else {})
        answer = client.post(BATCH, content=gzip.compress(body, 1) if packed else body, headers=headers)
        assert answer.status_code == status, answer.text


def test_one_event_in_a_batch_is_bounded_as_one_alone(client: httpx.Client, here: str) -> None:
    large = run_event(here, note="x" * 10_000_000)
    answer = client.post(BATCH, content=spelt([run_event(here), large, run_event(here)]), headers=JSON)
    assert answer.json()["summary"] | {"retriable": 0, "non_retriable": 1} == {
        "received": 3,
        "successful": 2,
        "failed": 1,
        "retriable": 0,
        "non_retriable": 1,
    }
    (failed,) = answer.json()["failed_events"]
    assert failed["index"] == 1 and failed["code"] == "too_large"


def test_a_batch_of_too_many_events_is_refused_whole(server: Plant, client: httpx.Client, here: str) -> None:
    before = server.memory()
    answer = client.post(BATCH, content=b"[" + b"0," * 20_000_000 + b"0]", headers=JSON)
    assert answer.status_code == 413, answer.text[:300]
    assert kept(answer.json()["submission"])
    assert server.memory() - before < 400 * MIB
    still_serves(client, here)


# --- nothing, and what it is called ---------------------------------------------------------------
@pytest.mark.parametrize("path", [ONE, BATCH, "/api/v1/events"])
@pytest.mark.parametrize("body", [b"", b"  ", b"\xef\xbb\xbf", b"null"])
def test_an_empty_body_is_refused(client: httpx.Client, path: str, body: bytes, here: str) -> None:
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert kept(answer.json()["submission"]) == body
    still_serves(client, here)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('application/json;charset="UTF-8"', 201),
        ("application/vnd.openlineage+json; version=2", 201),
        ("APPLICATION/JSON", 201),
        ("", 201),
        ("application/json; charset=utf-16", 415),
        ("application/json; charset=iso-8859-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("nonsense", 415),
    ],
)
def test_content_types(client: httpx.Client, here: str, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post(ONE, content=spelt(run_event(here)), headers=headers)
    assert answer.status_code == status, answer.text
