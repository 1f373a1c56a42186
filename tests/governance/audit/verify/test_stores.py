"""Directories, archives and addresses, and those that mean no good."""

import gzip
import io
import os
import socket
import ssl
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from governance.audit.tlog.export import write_archive, write_directory
from governance.audit.verify.asked import Trust
from governance.audit.verify.check import verify
from governance.audit.verify.live import Live
from governance.audit.verify.stores import Archive, BadFile, Directory, MissingFile, Store, Unreadable
from tests.governance.audit.tlog.logs import log_of, signer

TRUST = Trust((signer().key,))


def places(store: Store) -> list[str]:
    return [finding.place for finding in verify(store, TRUST).findings]


# --- directories ----------------------------------------------------------------------------------------
@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_directory(tmp_path / "log", log_of(700).export().items())
    return tmp_path / "log"


def test_a_directory(directory: Path) -> None:
    assert places(Directory(directory)) == []
    (directory / "tile/0/001").unlink()
    assert places(Directory(directory)) == ["tile/0/001"]


def test_what_is_no_ordinary_file(directory: Path) -> None:
    tile = directory / "tile/0/001"
    content = tile.read_bytes()
    tile.unlink()
    os.mkfifo(tile)
    assert places(Directory(directory)) == ["tile/0/001"]
    tile.unlink()
    (directory / "elsewhere").write_bytes(content)
    tile.symlink_to(directory / "elsewhere")
    assert places(Directory(directory)) == ["tile/0/001"]
    tile.unlink()
    tile.mkdir()
    assert places(Directory(directory)) == ["tile/0/001"]


def test_a_huge_file_is_not_read(directory: Path) -> None:
    for path in ("tile/0/001", "tile/entries/001", "checkpoint"):
        os.truncate(directory / path, 1 << 40)
    began = time.monotonic()
    assert places(Directory(directory)) == ["checkpoint"]
    with pytest.raises(BadFile, match="more than"):
        Directory(directory).read("tile/entries/001", 1000)
    assert time.monotonic() - began < 5


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        Directory(tmp_path / "nothing")


# --- archives -------------------------------------------------------------------------------------------
def archive(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as writer:
        for path, content in files.items():
            writer.writestr(path, content)
    return buffer


def opened(tmp_path: Path, content: bytes) -> Archive:
    (tmp_path / "log.zip").write_bytes(content)
    return Archive(tmp_path / "log.zip")


def test_an_archive(tmp_path: Path) -> None:
    files = log_of(700).export()
    write_archive(tmp_path / "one.zip", files.items())
    write_archive(tmp_path / "two.zip", files.items())
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert places(Archive(tmp_path / "one.zip")) == []


def test_an_archive_with_the_log_in_a_folder(tmp_path: Path) -> None:
    files = {f"export/log/{path}": content for path, content in log_of(7).export().items()}
    assert places(opened(tmp_path, archive(files).getvalue())) == []
    two = files | {f"export/other/{path}": content for path, content in log_of(7).export().items()}
    with pytest.raises(Unreadable, match="more than one"):
        opened(tmp_path, archive(two).getvalue())


def test_every_byte_of_an_archive(tmp_path: Path) -> None:
    """What was packed by others holds as long as its files do; an export notices changes of packing too."""
    files = log_of(3).export()
    write_archive(tmp_path / "export.zip", files.items())
    sealed = (tmp_path / "export.zip").read_bytes()
    assert places(Archive(tmp_path / "export.zip")) == []
    for whole in (sealed, archive(files).getvalue()):
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            try:
                store = opened(tmp_path, bytes(changed))
            except Unreadable:
                continue
            if not places(store):
                assert whole is not sealed
                assert {path: store.read(path, 1 << 20) for path in files} == files


def test_an_archive_cut_or_lengthened(tmp_path: Path) -> None:
    write_archive(tmp_path / "export.zip", log_of(3).export().items())
    whole = (tmp_path / "export.zip").read_bytes()
    for content in (whole + b"x", whole + whole, b"x" + whole, whole[:-1], whole[:200] + whole[201:]):
        try:
            assert places(opened(tmp_path, content))
        except Unreadable:
            pass
    assert places(opened(tmp_path, archive(log_of(3).export()).getvalue() + b"x")) == ["archive"]


def test_archives_that_mean_no_good(tmp_path: Path) -> None:
    files = log_of(700).export()
    bomb = files | {"tile/0/001": bytes(1 << 28)}
    assert places(opened(tmp_path, archive(bomb, compression=zipfile.ZIP_DEFLATED).getvalue())) == [
        "tile/0/001"
    ]
    twice = archive(files)
    with zipfile.ZipFile(twice, "a") as writer, pytest.warns(UserWarning, match="Duplicate"):
        writer.writestr("tile/0/001", files["tile/0/001"])
    assert places(opened(tmp_path, twice.getvalue())) == ["tile/0/001"]
    outside = archive(files | {"../../outside": b"x", "/etc/passwd": b"x"})
    assert places(opened(tmp_path, outside.getvalue())) == []
    assert not (tmp_path.parent / "outside").exists()
    for content in (b"", b"PK\x05\x06", b"text", archive(files).getvalue()[:-30]):
        with pytest.raises(Unreadable):
            opened(tmp_path, content)
    assert places(opened(tmp_path, archive({"a": b"b"}).getvalue())) == ["checkpoint"]


# --- addresses ------------------------------------------------------------------------------------------
@contextmanager
def served(
    answer: Callable[[BaseHTTPRequestHandler], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """The other side went away, as it should in some tests."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: BaseHTTPRequestHandler, status: int, content: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def test_an_address(tmp_path: Path) -> None:
    files, asked = log_of(700).export(), []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Authorization"])
        path = handler.path.removeprefix("/tlog/")
        if path not in files:
            reply(handler, 404)
        elif "entries" in path:
            reply(handler, 200, gzip.compress(files[path]), Content_Encoding="gzip")
        else:
            reply(handler, 200, files[path])

    with served(answer) as url:
        store = Live(f"{url}/tlog/", token="secret")
        assert places(store) == []
        assert set(asked) == {"Bearer secret"}
        # The partial tiles have become full since the checkpoint was fetched.
        grown = log_of(1024).export()
        for path in [path for path in files if ".p/" in path and path.startswith("tile/0/")]:
            del files[path]
            files[path.partition(".p")[0]] = grown[path.partition(".p")[0]]
        assert places(store) == []
        del files["tile/entries/001"]
        assert places(store) == ["tile/entries/001"]
        store.close()


def test_an_address_that_is_busy_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.audit.verify.live.sleep", lambda seconds: None)
    answers = iter([503, 429, 200])
    with served(lambda handler: reply(handler, next(answers), b"content")) as url:
        assert Live(url).read("checkpoint", 100) == b"content"


@pytest.mark.parametrize("status", [301, 401, 403, 500])
def test_an_address_that_refuses(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.audit.verify.live.sleep", lambda seconds: None)
    with (
        served(lambda handler: reply(handler, status, Location="/elsewhere")) as url,
        pytest.raises(Unreadable, match=str(status)),
    ):
        Live(url).read("checkpoint", 100)


def test_an_address_that_sends_too_much() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 60))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    with served(endless) as url, pytest.raises(BadFile, match="more than"):
        Live(url).read("tile/0/000", 8192)
    bomb = gzip.compress(bytes(1 << 26))
    with (
        served(lambda handler: reply(handler, 200, bomb, Content_Encoding="gzip")) as url,
        pytest.raises(BadFile, match="more than"),
    ):
        Live(url).read("tile/0/000", 8192)
    with (
        served(lambda handler: reply(handler, 200, bomb[:-9], Content_Encoding="gzip")) as url,
        pytest.raises(BadFile, match="cut off"),
    ):
        Live(url).read("tile/0/000", 1 << 30)
    with (
        served(lambda handler: reply(handler, 200, b"text", Content_Encoding="gzip")) as url,
        pytest.raises(BadFile, match="not gzip"),
    ):
        Live(url).read("tile/0/000", 8192)


def test_an_address_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every socket's own timeout from running out."""
    monkeypatch.setattr("governance.audit.verify.live.TRIES", 1)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Header: value\r\n" * 1000:
                handler.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            pass

    began = time.monotonic()
    with served(drip) as url, pytest.raises(Unreadable, match="within"):
        Live(url, timeout=0.5).read("checkpoint", 100)
    assert time.monotonic() - began < 5


def test_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.audit.verify.live.sleep", lambda seconds: None)
    for url in ("ftp://a.example/", "http://", "http://a.example:x/", "http://a.example/?x=y"):
        with pytest.raises(Unreadable):
            Live(url)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(Unreadable):
            Live(f"http://127.0.0.1:{unused.getsockname()[1]}").read("checkpoint", 100)


def test_missing_is_told_apart() -> None:
    with served(lambda handler: reply(handler, 404)) as url, pytest.raises(MissingFile):
        Live(url).read("tile/0/000", 8192)
