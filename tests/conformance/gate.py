"""A gate between the web process and its database, which a test can shut."""

import socket
import threading
from contextlib import suppress
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit


class Gate:
    """Passes connections on to the server of a database URL while it is open."""

    def __init__(self, url: str) -> None:
        self._target = url
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, **options: str) -> str:
        """The URL of the same database through the gate."""
        parts = urlsplit(self._target)
        who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        query = urlencode(dict(parse_qsl(parts.query)) | options)
        return urlunsplit(parts._replace(netloc=f"{who}127.0.0.1:{self.port}", query=query))

    def shut(self) -> None:
        """Break every connection, and let nobody through."""
        with self._lock:
            self._open = False
            for one in self._pairs:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._pairs.clear()

    def open(self) -> None:
        with self._lock:
            self._open = True

    def close(self) -> None:
        self.shut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._open:
                    near.close()
                    continue
                far = self._connect()
                self._pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    def _connect(self) -> socket.socket:
        parts = urlsplit(self._target)
        host = unquote(parts.hostname or "127.0.0.1")
        if host.startswith("/"):
            far = socket.socket(socket.AF_UNIX)
            # urlsplit makes a host name small, which a path is not
            far.connect(f"{unquote(parts.netloc.rpartition('@')[2])}/.s.PGSQL.{parts.port or 5432}")
            return far
        return socket.create_connection((host, parts.port or 5432))


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
