"""Long downloads: so few at once that those who read slowly leave threads for everybody else."""

import os
from collections.abc import Iterable, Iterator
from threading import BoundedSemaphore

from django.http import StreamingHttpResponse

#: Downloads at once in one process: a quarter of its threads.
MOST = max(1, int(os.environ.get("WEB_THREADS") or 8) // 4)
_places = BoundedSemaphore(MOST)


class TooMany(Exception):
    """As many downloads as there may be are under way."""

    def __init__(self) -> None:
        super().__init__("Other downloads are under way; try again when one of them has ended.")


class _Held:
    """An iterable that keeps its place until it is closed, whether anybody read it or not."""

    def __init__(self, pieces: Iterable[bytes | str]) -> None:
        self._pieces = pieces
        self._open = True

    def __iter__(self) -> Iterator[bytes | str]:
        return iter(self._pieces)

    def close(self) -> None:
        if self._open:
            self._open = False
            _places.release()


def download(pieces: Iterable[bytes | str], content_type: str, filename: str) -> StreamingHttpResponse:
    """Answer with a file that is made while it is read. Raises TooMany."""
    if not _places.acquire(blocking=False):
        raise TooMany
    response = StreamingHttpResponse(_Held(pieces), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
