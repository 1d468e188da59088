from __future__ import annotations

from pathlib import Path

from harness.registry import load_plugins
from harness.site_docs import Block, metric_docs
from harness.sitemodel import Source, build_site
from harness.submission import read
from tests.site.test_board import METHOD, submission

SOURCE = '''
"""Flicker.

The score is

    E = sum |a - b|^2

over pairs.
"""
from harness.api import metric
import a_package_that_does_not_exist

@metric("flicker", version=3, better="lower", unit="", summary="")
def flicker(clip):
    """One line about ``clip``.

    Fooled by: a still, which scores 0.
    """

def helper():
    """Not a metric."""
'''


def test_definition_is_read_without_running_the_file(tmp_path: Path) -> None:
    (tmp_path / "flicker.py").write_text(SOURCE)
    docs = metric_docs(tmp_path)
    assert list(docs) == ["flicker@3"]
    doc = docs["flicker@3"]
    assert doc.definition == (
        Block("Flicker.", False),
        Block("The score is", False),
        Block("E = sum |a - b|^2", True),
        Block("over pairs.", False),
        Block("One line about ``clip``.", False),
    )
    assert [block.text for block in doc.fooled_by] == ["a still, which scores 0."]
    assert doc.definition[-1].spans == ((False, "One line about "), (True, "clip"), (False, "."))


def test_what_a_profile_is_can_be_declared_and_old_files_have_it_from_the_installed_metric(tmp_path: Path) -> None:
    told = 'better="lower", profile="speed", profile_unit="%", '
    (tmp_path / "flicker.py").write_text(SOURCE.replace('better="lower", ', told).replace("flicker", "warp_error"))
    (tmp_path / "warp_error.py").write_text(SOURCE.replace("flicker", "warp_error").replace("=3", "=1"))
    docs = metric_docs(tmp_path)
    assert [(d.profile, d.profile_unit) for d in docs.values()] == [("speed", "%"), ("", "")]
    found = {"warp_error@1": docs["warp_error@3"], "dynamic_rate@1": docs["warp_error@3"]}
    board = build_site([Source(submission(METHOD, 2))], found).boards[0]
    said = {metric.name: metric.over_time for metric in board.metrics}
    assert said["warp_error"] == "speed, %"
    assert said["dynamic_rate"] == "pace of the fastest pixels, % of the short side"  # the file's own words stay
    assert said["ff_ssim"] == "SSIM"


def test_no_published_profile_of_a_share_is_more_than_all() -> None:
    docs = metric_docs()
    published = Path(__file__).parents[2] / "results/published/mini-1"
    shares: dict[str, list[float]] = {}
    for name in ("control-noise-1.json", "mini-exvideo-1.json"):
        found = read(published / name)
        for metric in found.metrics:
            if metric.unit.startswith("share of "):
                values = [v for row in found.rows for v in row.scores[metric.label].profile if v is not None]
                shares.setdefault(metric.label, []).extend(values)
    beyond = {label for label, values in shares.items() if values and not 0 <= min(values) <= max(values) <= 1}
    assert len(shares) >= 3
    assert beyond == {"dynamic_rate@2"}  # which says that it is a speed
    assert "short side" in docs["dynamic_rate@2"].profile_unit


def test_columns_that_a_helper_registers_are_documented_by_their_module(tmp_path: Path) -> None:
    source = '"""Distance.\n\nFooled by: copies."""\nfrom a import pair\npair(__name__, "fd@1", "kd@2", of="x@y")\n'
    (tmp_path / "distance.py").write_text(source)
    docs = metric_docs(tmp_path)
    assert list(docs) == ["fd@1", "kd@2"]
    assert docs["kd@2"].definition == (Block("Distance.", False),)
    assert [block.text for block in docs["kd@2"].fooled_by] == ["copies."]


def test_file_that_cannot_be_parsed_has_no_documentation(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    assert metric_docs(tmp_path) == {}


def test_installed_metrics_are_documented() -> None:
    docs = metric_docs()
    assert {"warp_error@1", "flow_smoothness@1", "dynamic_rate@2", "ff_ssim@1", "fd_world@1"} <= set(docs)
    assert all(doc.definition for doc in docs.values())


def test_every_set_metric_says_what_fools_it() -> None:
    docs = metric_docs()
    for spec in load_plugins().metrics.values():
        if spec.scope == "set":
            assert docs[spec.label].fooled_by, spec.label
