"""The witness over HTTP/1.1: `POST /add-checkpoint`, `GET /<origin hash>/checkpoint`."""

import logging
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from governance.audit.witness.judge import Judge, OtherSize, Refusal
from governance.audit.witness.messages import ADD_CHECKPOINT, LARGEST_REQUEST, SIZE_TYPE, encode_size

logger = logging.getLogger(__name__)

#: Connections served at once; more are turned away.
MOST_CONNECTIONS = 64
#: The most seconds from the first byte of a request to the last of its answer, and between two requests.
MOST_SECONDS = 30
_TEXT = "text/plain; charset=utf-8"
_NUMBER = frozenset("0123456789")


class Server(socketserver.ThreadingMixIn, HTTPServer):
    """Serves `judge` at `address`, one thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], judge: Judge) -> None:
        """Raises OSError where the address can't be listened on."""
        self.judge = judge
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self._since: dict[socket.socket, float] = {}
        self._answering: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's, which looks up a name for the address and may wait for it.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            full = len(self._since) >= MOST_CONNECTIONS
            if not full:
                self._since[request] = time.monotonic()
        if full:
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def began(self, request: socket.socket) -> None:
        """Note that a connection begins to wait for its next request."""
        with self._lock:
            self._since[request] = time.monotonic()
            self._answering.discard(request)

    def answering(self, request: socket.socket) -> None:
        """Note that the request of a connection is being answered."""
        with self._lock:
            self._answering.add(request)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._since.pop(request, None)
            self._answering.discard(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        # Called every half second: a timeout of the socket alone begins anew with every byte.
        oldest = time.monotonic() - MOST_SECONDS
        with self._lock:
            late = [request for request, since in self._since.items() if since < oldest]
            for request in late:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.exception("a request from %s failed", client_address[0])

    def wait_for_answers(self, seconds: float) -> None:
        """Wait until no request is being answered, `seconds` at most."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with self._lock:
                if not self._answering:
                    return
            time.sleep(0.02)


class Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "plumbline-witness", ""
    protocol_version = "HTTP/1.1"
    timeout = MOST_SECONDS
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self.server.began(self.connection)
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_POST(self) -> None:
        self.server.answering(self.connection)
        body = self._body()
        if body is None:
            return
        if self.path != f"/{ADD_CHECKPOINT}":
            self._answer(404, "here is nothing; checkpoints go to /add-checkpoint\n")
            return
        try:
            cosigned = self.server.judge.add_checkpoint(body)
        except OtherSize as refusal:
            self._answer(409, encode_size(refusal.size), SIZE_TYPE)
        except Refusal as refusal:
            level = logging.ERROR if refusal.status == 422 else logging.WARNING
            logger.log(level, "refused with %d: %s", refusal.status, refusal)
            self._answer(refusal.status, f"{refusal}\n")
        except OSError as error:
            logger.error("can't keep a checkpoint, so it is not cosigned: %s", error)
            self._answer(500, "the checkpoint can't be kept here, so it is not cosigned\n")
        else:
            logger.info("cosigned %s at %d entries", cosigned.checkpoint.origin, cosigned.checkpoint.size)
            self._answer(200, cosigned.line)

    def do_GET(self) -> None:
        hashed, _, what = self.path.removeprefix("/").partition("/")
        found = self.server.judge.newest(hashed) if what == "checkpoint" else None
        if found is None:
            self._answer(404, "here is no checkpoint\n")
        else:
            self._answer(200, found, no_cache=True)

    def _body(self) -> bytes | None:
        """Return the body of the request, or answer and return None."""
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length or not _NUMBER.issuperset(length):
            self._answer(411, "say how long the request is, in Content-Length\n", close=True)
        elif len(length) > 9 or int(length) > LARGEST_REQUEST:
            self._answer(413, f"a request has at most {LARGEST_REQUEST} bytes\n", close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                return body
            self.close_connection = True
        return None

    def _answer(
        self,
        status: int,
        body: bytes | str,
        media_type: str = _TEXT,
        *,
        close: bool = False,
        no_cache: bool = False,
    ) -> None:
        content = body.encode(errors="replace") if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        if no_cache:
            self.send_header("Cache-Control", "no-cache")
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        # What matters is logged where it is decided.
        logger.debug(format, *args)
