"""A bucket of a local S3 server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest


@contextmanager
def opened() -> Iterator[str]:
    """The URL of a folder in a new bucket, which lives as long as the context."""
    pytest.importorskip("s3fs", reason="needs the extra s3")
    pytest.importorskip("moto.server", reason="needs moto[server], of the extra test")
    import fsspec
    from moto.server import ThreadedMotoServer

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "NO_PROXY": "127.0.0.1",
    }
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    with patch.dict(os.environ, variables):
        server.start()
        fsspec.filesystem("s3").clear_instance_cache()
        try:
            name = f"bench-{port}"  # the server forgets nothing while its process lives
            fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
            yield f"s3://{name}/board"
        finally:
            server.stop()
