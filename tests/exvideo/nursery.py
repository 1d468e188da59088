"""Commands as processes of their own that start in no time: forks of one process that has imported what is slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

# A line is commands that run at once: [arguments, variables, where what they say goes, less .out and .err].
# Answers: process ids, statuses.
CODE = """
import json, os, sys
import harness.exvideo.posttune
from harness.cli import run_app

def be(arguments, variables, said):
    os.environ.update(variables)
    for stream, end in ((1, ".out"), (2, ".err")):
        os.dup2(os.open(said + end, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    status = run_app(arguments)
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(status)

for line in sys.stdin:
    children = [os.fork() or be(*command) for command in json.loads(line)]
    print(json.dumps(children), flush=True)
    print(json.dumps([os.waitpid(child, 0)[1] for child in children]), flush=True)
"""


class Nursery:
    """Starts commands of ``harness``; one lot at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._asked, self._told = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

    def start(self, commands: Sequence[tuple[Sequence[str], Mapping[str, str], Path]]) -> list[int]:
        """Begin commands at once; returns process ids.

        Each has arguments, variables and where what it says goes, ``PATH.out`` and ``PATH.err``.
        """
        self._asked.write(json.dumps([[list(line), dict(env), str(said)] for line, env, said in commands]) + "\n")
        self._asked.flush()
        return cast(list[int], json.loads(self._told.readline()))

    def wait(self) -> list[int]:
        """Wait for what was started last; returns statuses as ``os.waitpid`` gives them."""
        return cast(list[int], json.loads(self._told.readline()))


@contextmanager
def opened() -> Iterator[Nursery]:
    """A nursery until the end of the context."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Nursery(process)
        cast(IO[str], process.stdin).close()
