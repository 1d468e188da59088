"""Results as pandas frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import Refused
from harness.export import wanted_videos
from harness.registry import load_plugins
from harness.site_board import build_board
from harness.spool import Envelope
from harness.store import Store
from harness.submission import read
from harness.suite import load_suite
from harness.tables import NUMBERS
from tests.site.synthetic import LOOKS, result, small_suite, write_result
from tests.unit.store_helpers import generation, run_record, score, scores

ITEMS, SEEDS = 4, (0, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published")
    suite = small_suite(items=ITEMS, seeds=SEEDS)
    for look in LOOKS:
        write_result(path, result(suite, look))
    return path


def test_scores_are_one_observation_a_row(folder: Path) -> None:
    frame = harness.load(folder).scores()
    assert len(frame) == len(LOOKS) * ITEMS * len(SEEDS) * 4  # four metrics of a video
    assert not frame.duplicated(["variant", "item", "seed", "metric"]).any()
    still = frame[(frame.variant == "control-still") & (frame.metric == "flow_smoothness")]
    assert still.value.isna().all()
    assert set(still.status) == {"undefined"}
    assert (still.reason != "").all()


def test_the_board_is_the_sites(folder: Path) -> None:
    files = sorted(folder.rglob("*.json"))
    submissions = [read(path) for path in files]
    board = build_board(submissions[0].suite, submissions)
    lines = harness.load(*files).board().to_dict("records")
    found = {(line["variant"], line["metric"]): line for line in lines}
    for row in board.rows:
        for cell in row.cells:
            line = found[row.variant.name, cell.metric.name]
            if cell.value is None:
                assert line["absent"]
            else:
                assert (line["value"], line["n"]) == (cell.value, cell.n)


def test_the_mean_of_the_board_is_the_mean_over_items_of_the_scores(folder: Path) -> None:
    results = harness.load(folder)
    scores = results.scores()
    chosen = scores[(scores.variant == "mini-exvideo") & (scores.metric == "warp_error")]
    by_hand = chosen.groupby("item").value.mean().mean()
    board = results.board()
    shown = board[(board.variant == "mini-exvideo") & (board.metric == "warp_error")].value.item()
    assert shown == pytest.approx(by_hand, rel=1e-12)


def test_the_other_frames(folder: Path) -> None:
    results = harness.load(folder)
    assert len(results.videos()) == len(LOOKS) * ITEMS * len(SEEDS)
    assert set(results.set_scores().metric) == {"fd_world", "kvd_world"}
    assert set(results.profiles().window) <= set(range(8))
    assert {"detail", "value"} <= set(results.details().columns)
    assert "mini-exvideo@1 on demo@1" in repr(results)


def test_numbers_can_be_computed_with(folder: Path) -> None:
    results = harness.load(folder)
    frames = (results.board(), results.scores(), results.set_scores(), results.videos(), results.profiles())
    for frame in frames:
        numbers = frame[[name for name in frame.columns if name in NUMBERS]]
        assert numbers.shape[1] > 2
        assert all(kind.kind in "if" for kind in numbers.dtypes)
    assert results.scores().value.isna().any()
    assert results.board()["rank_low"].isna().all(), "four items have no ranks"


@pytest.mark.slow
def test_a_results_folder_is_loaded_from_its_index(tmp_path: Path) -> None:
    """What a run left in the spool, before anything is exported: two videos of a row, one of them measured."""
    registry, suite = load_plugins(), load_suite("mini").suite
    spec, metric = registry.variants["control-still"], registry.metrics["ff_ssim"]
    keys = list(wanted_videos(suite, spec).items())[:2]
    payloads: list[dict[str, Any]] = []
    for key, (item, seed) in keys:
        place: dict[str, Any] = {"item_key": item.key, "seed": seed, "protocol_key": suite.protocol.key}
        payloads.append(generation(tmp_path, key, variant_key=spec.key, **place))
    of_metric: dict[str, Any] = {"metric_key": registry.metric_key(metric), "value": 0.75, "metric": metric.label}
    payloads.append(scores(keys[0][0], score(**of_metric)))
    with Store(tmp_path) as store:
        store.record_run(run_record())
        assert not store.ingest([Envelope(payload, "x") for payload in payloads]).refused
    results = harness.load(tmp_path, suite="mini")
    assert [s.variant.label for s in results.submissions] == [f"control-still@{spec.revision}"]
    assert list(results.videos().item) == [item.slug for _, (item, _) in keys]
    line = results.scores().to_dict("records")
    assert [(found["item"], found["metric"], found["value"]) for found in line] == [
        (keys[0][1][0].slug, "ff_ssim", 0.75)
    ]


def test_only_one_suite(folder: Path) -> None:
    assert len(harness.load(folder, suite="demo").submissions) == len(LOOKS)
    assert len(harness.load(folder, suite="demo@1").submissions) == len(LOOKS)
    with pytest.raises(Refused, match="no results on other"):
        harness.load(folder, suite="other")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        harness.load(tmp_path)
    assert caught.value.code == "E-RESULT"
    assert "harness run" in caught.value.fix


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(Refused, match=r"x\.json"):
        harness.load(path)


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="lode"):
        _ = harness.lode
