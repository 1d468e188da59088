"""From results to files to a site."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import PLUGIN, CliWithin

pytestmark = pytest.mark.slow


def test_export_validate_publish(cli_within: CliWithin) -> None:
    assert cli_within.run("test-still,test-slow").returncode == 0
    exported = cli_within("export", "--variants", "test-*", "--plugin", str(PLUGIN), "--json")
    assert exported.returncode == 0, exported.stderr
    files = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [file["videos"] for file in files] == [2, 2]
    path = cli_within.folder / "results/published/mini-1/test-still-1.json"
    published = json.loads(path.read_text())
    assert published["schema"] == "exvideo-result/1"
    assert 0 < published["rows"][0]["scores"]["test_mean@1"]["value"] < 1

    checked = cli_within("validate", "--json")
    assert checked.returncode == 0, checked.stdout
    assert all(json.loads(line)["ok"] for line in checked.stdout.splitlines())

    site = cli_within("publish", "--media", "none", "--json")
    assert site.returncode == 0, site.stderr
    assert json.loads(site.stdout)["variants"] == 2
    assert "test-still" in (cli_within.folder / "site/public/index.html").read_text()

    local = cli_within("publish", "--local", "--plugin", str(PLUGIN), "--out", "local", "--json")
    assert local.returncode == 0, local.stderr
    assert json.loads(local.stdout)["variants"] == 2
    assert json.loads(local.stdout)["media_problems"] == []
    assert list((cli_within.folder / "local").rglob("*.mp4")) or list((cli_within.folder / "local").rglob("*.webm"))

    path.write_text(path.read_text().replace('"value": 0.', '"value": NaN, "was": 0.', 1))
    refused = cli_within("validate", str(path))
    assert refused.returncode == 5
    assert "error" in refused.stdout
    assert "Traceback" not in refused.stderr
