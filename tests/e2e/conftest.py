"""The command line as a user has it: real processes, an empty folder, a small part of the suite."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from harness.cli import run_app
from harness.registry import load_plugins
from tests.short_suite import short_suite

PLUGIN = Path(__file__).parent / "plugins" / "rows.py"
HARNESS = [sys.executable, "-m", "harness"]
PATIENCE = 280.0


@dataclass
class Cli:
    """Runs ``harness`` in a folder of its own."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = [*HARNESS, *arguments]
        environment = {**os.environ, **self.env, **env}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    @property
    def within(self) -> CliWithin:
        """The same folder and variables, without a process for the command."""
        return CliWithin(self.folder, self.env)

    def run(self, variants: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """``harness run`` on two items and one metric that costs nothing, unless the arguments say otherwise."""
        return self(*self._run(variants, arguments), **env)

    def start(self, variants: str, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """The same in the background."""
        return subprocess.Popen(
            [*HARNESS, *self._run(variants, arguments)],
            cwd=self.folder,
            env={**os.environ, **self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def events(self, variants: str, *arguments: str, **env: str) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and the JSON lines of ``harness run --json``."""
        done = self.run(variants, "--json", *arguments, **env)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def _run(self, variants: str, arguments: tuple[str, ...]) -> list[str]:
        given = ["run", "--variants", variants, "--plugin", str(PLUGIN), *arguments]
        # One worker does what two would, at half the cost of starting them; an engine of jobs has its own count.
        if not {"--engine", "--workers"} & set(arguments):
            given += ["--workers", "1"]
        for option, value in (("--limit", "2"), ("--metrics", "test_mean")):
            if option not in arguments:
                given += [option, value]
        return given

    def wait_for_videos(self, count: int) -> dict[str, Any]:
        """Wait until the run that is going has made ``count`` videos; returns its status."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for path in (self.folder / "results" / "runs").glob("*/status.json"):
                status: dict[str, Any] = json.loads(path.read_text())
                if status["state"] == "running" and status["videos_done"] >= count:
                    return status
            time.sleep(0.05)
        raise TimeoutError(f"fewer than {count} videos")


@contextmanager
def forgotten() -> Iterator[None]:
    """Let nothing that a plugin file registers outlive the context: the next test has plugins of its own."""
    held = load_plugins()
    before = {field.name: getattr(held, field.name).copy() for field in fields(held)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(held, name, value)


class CliWithin(Cli):
    """The same in the process of the tests, which is quicker, for what needs none of its own; workers have theirs."""

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        variables = patch.dict(os.environ, {**self.env, **env})
        with chdir(self.folder), variables, forgotten(), redirect_stdout(out), redirect_stderr(err):
            code = run_app(arguments)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_suite(tmp_path_factory.mktemp("short"))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def cli_within(tmp_path: Path) -> CliWithin:
    return CliWithin(tmp_path)


def end(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> tuple[int, str, str]:
    """Send a signal and wait: exit code, stdout, stderr."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def children(pid: int) -> list[int]:
    """Process ids of the direct children (Linux)."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def table_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary's table without what differs between any two runs: the time a video took."""
    table: dict[str, Any] = next(event for event in events if event["event"] == "summary")["table"]
    return {**table, "rows": [{k: v for k, v in row.items() if k != "seconds"} for row in table["rows"]]}


def failures(events: list[dict[str, Any]]) -> list[str]:
    return [event["code"] for event in events if event["event"] == "failure"]


def summary(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(event for event in events if event["event"] == "summary")


def notes(events: list[dict[str, Any]]) -> str:
    return "\n".join(event["text"] for event in events if event["event"] == "note")
