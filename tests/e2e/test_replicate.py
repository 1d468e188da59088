"""A published row made again: the same here, and told when it is not."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import CliWithin

pytestmark = pytest.mark.slow
SELECTED = ("--variants", "control-flicker,control-noise")


def replicated(cli_within: CliWithin, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    done = cli_within("run", "--replicate", "2", "--workers", "1", "--json", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_published_rows_are_made_again(cli_within: CliWithin) -> None:
    assert cli_within("run", *SELECTED, "--metrics", "adjacent_mae", "--limit", "3", "--workers", "1").returncode == 0
    assert cli_within("export", *SELECTED).returncode == 0
    code, found, told = replicated(cli_within)
    assert code == 0
    assert [(r["variant"], r["rows"], r["same"], r["bitwise"]) for r in found] == [
        ("control-flicker@1", 2, 2, 2),
        ("control-noise@1", 2, 2, 2),
    ]
    assert told.count("frames bitwise equal") == 4
    assert all((cli_within.folder / str(record["file"])).is_file() for record in found)

    (path,) = (cli_within.folder / "results" / "published").rglob("control-flicker-1.json")
    content = json.loads(path.read_text())
    for row in content["rows"]:
        row["frames"] = "0" * 64
        row["scores"]["adjacent_mae@1"]["value"] += 0.5
    path.write_text(json.dumps(content))
    code, _, told = replicated(cli_within, "--variants", "control-flicker")
    assert code == 5
    assert told.count("differs; adjacent_mae@1") == 2

    content["variant"]["key"] = "0" * 32
    path.write_text(json.dumps(content))
    code, _, told = replicated(cli_within, "--variants", "control-flicker")
    assert code == 5
    assert told.startswith("E-COMPARE  The variant here is another than the published one.")
