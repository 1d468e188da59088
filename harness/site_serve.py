"""A finished site over HTTP on this machine, with the headers that a host should send, and the ranges of players."""

from __future__ import annotations

import functools
import io
import re
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

from harness.errors import CannotStart
from harness.site_policy import HEADERS

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server for this machine alone; ``port`` 0 takes any that is free.

    Raises:
        CannotStart: E-PORT, the port is taken or may not be used.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), functools.partial(_Handler, directory=str(site)))
    except OSError as error:
        raise CannotStart(
            "E-PORT", f"Port {port} cannot be used.", why=str(error.strerror), fix="--serve 0 takes a free one"
        ) from error


def address(running: ThreadingHTTPServer) -> str:
    """Where a server's site is."""
    return f"http://127.0.0.1:{running.server_port}/index.html"


class _Handler(SimpleHTTPRequestHandler):
    """Files with our headers. A single range is honoured, because a browser cannot seek in a video without."""

    def end_headers(self) -> None:
        for name, value in (*HEADERS, ("Accept-Ranges", "bytes"), ("Cache-Control", "no-cache")):
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> BinaryIO | io.BytesIO | None:
        wanted = RANGE.fullmatch(self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if wanted is None or wanted[0] == "bytes=-" or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        first, last = _bounds(wanted[1], wanted[2], size)
        if first > last:
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return None
        with path.open("rb") as file:
            file.seek(first)
            part = file.read(last - first + 1)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return io.BytesIO(part)

    def list_directory(self, path: object) -> None:
        """No listings: folders of the site have no page."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Requests are not worth a line each."""


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """The range that a header asks for, both ends included; empty where it begins behind the file."""
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1
