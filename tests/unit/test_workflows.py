"""The workflows that handle other people's pull requests give nothing of theirs the right to do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))


def workflow(path: Path) -> dict[str, Any]:
    content: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if name is True else name: value for name, value in content.items()}  # YAML 1.1 reads on as true


def steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in content["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_token_is_narrow_and_stays_out_of_the_checkout(path: Path) -> None:
    content = workflow(path)
    assert "pull_request_target" not in content["on"]
    writes = [name for name, right in content["permissions"].items() if right == "write"]
    assert writes == (["pull-requests"] if path.stem == "results-comment" else [])
    assert not any("permissions" in job for job in content["jobs"].values())
    for step in steps(content):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_text_of_a_pull_request_reaches_a_shell(path: Path) -> None:
    for step in steps(workflow(path)):
        assert "${{" not in step.get("run", "")


def test_results_are_read_by_the_base_branch_s_code() -> None:
    run = [step["run"] for step in steps(workflow(FOLDER / "results.yml")) if "run" in step]
    assert "worktree add --detach ../base HEAD^1" in run[0]
    assert "git -C base archive HEAD" in run[0]
    installed = [line for line in run if "pip install" in line]
    assert installed == ['python -m pip install --quiet "$RUNNER_TEMP/source"']
    assert any(line.startswith("python -P -m harness.contributed") for line in run)


def test_the_commenting_job_never_sees_the_files() -> None:
    content = workflow(FOLDER / "results-comment.yml")
    assert content["on"] == {"workflow_run": {"workflows": ["Results"], "types": ["completed"]}}
    assert not [step for step in steps(content) if "run" in step or "checkout" in step.get("uses", "")]
