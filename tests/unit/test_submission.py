"""Published results: from the index to a file and back, and what a file must satisfy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.commands.validate import command
from harness.errors import Refused
from harness.export import dump, portable, write_result
from harness.jsonread import JsonError
from harness.store import Store
from harness.submission import parse, read
from harness.validate import MAX_PROBLEMS, published_files, validate
from harness.validate_rules import RULES, STRUCTURE, TOGETHER, demands
from tests.unit.store_helpers import RUN
from tests.unit.submission_helpers import ITEMS, METRICS, SUITE, VARIANT, exported, fill


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules hold files against these metrics, whatever versions are really installed."""
    keys = {spec.name: key for key, spec in METRICS.items()}
    specs = {spec.name: spec for spec in METRICS.values()}
    registry = SimpleNamespace(metrics=specs, extractors={}, metric_key=lambda spec: keys[spec.name])
    monkeypatch.setattr("harness.validate._registry", lambda: registry)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with Store(tmp_path_factory.mktemp("sample")) as store:
        fill(store)
        return dump(exported(store))


@pytest.fixture
def result(sample: bytes) -> dict[str, Any]:
    return json.loads(sample)  # type: ignore[no-any-return]


def test_a_result_says_everything(result: dict[str, Any]) -> None:
    found = parse(dump(result))
    assert found.suite == SUITE
    assert found.suite_key == SUITE.key
    assert (found.variant.label, found.variant.key) == ("mini-x@2", VARIANT.key)
    assert found.variant.weights == {"unet": "ab" * 32}
    assert found.variant.params == {"steps": 15, "conv": None}
    assert (found.variant.trainable_parameters, found.variant.training) == (12, {"steps": 3})
    assert [m.label for m in found.metrics] == ["fd_world@1", "warp_error@1", "dynamic_rate@1"]
    assert (found.run.id, found.run.git_commit, found.run.argv) == (RUN, "a" * 40, ("run", "--variants", "all"))
    assert found.environment == {"python": "3.11"}
    assert found.failures == {"E-MEMORY": 1, "E-SCORE": 1}
    assert [(s.metric, s.value, s.n) for s in found.set_scores] == [("fd_world@1", 4.0, 3)]
    assert [(r.item, r.seed) for r in found.rows] == [(i.slug, s) for i in ITEMS for s in (0, 1)]
    warp, rate = (found.rows[1].scores[name] for name in ("warp_error@1", "dynamic_rate@1"))
    assert (warp.value, warp.coverage, warp.profile, warp.detail) == (0.75, 0.5, (0.1, None, 0.3), {"rate": 0.125})
    assert (rate.value, rate.status, rate.reason) == (None, "undefined", "nothing moves")


def test_exporting_twice_gives_the_same_bytes_and_every_row_has_its_line(
    result: dict[str, Any], tmp_path: Path
) -> None:
    with Store(tmp_path) as store:
        fill(store)
        data = dump(exported(store))
    assert data == dump(result)
    lines = [line.rstrip(",") for line in data.decode().split("\n")]
    for row in (*result["rows"], *result["suite"]["items"], *result["metrics"]):
        assert json.dumps(row, ensure_ascii=False) in lines


def test_a_partial_result_has_the_set_score_of_the_prefix_that_is_there(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store, missing=2)
        store.connection.execute("DELETE FROM set_scores WHERE n = 3")
        found = parse(dump(exported(store)))
    assert [(r.item, r.seed) for r in found.rows] == [(i.slug, s) for i in ITEMS[:2] for s in (0, 1)]
    assert [(s.value, s.n) for s in found.set_scores] == [(9.0, 2)]


def test_a_variant_without_videos_cannot_be_exported(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(Refused) as caught:
        exported(store)
    assert caught.value.code == "E-RESULT"
    assert "harness run" in caught.value.fix


def test_videos_without_their_run_cannot_be_exported(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        store.connection.execute("DELETE FROM runs")
        with pytest.raises(Refused, match="not on record"):
            exported(store)


def test_a_written_result_is_read_and_accepted(result: dict[str, Any], tmp_path: Path) -> None:
    path = write_result(tmp_path / "published", result)
    assert path == tmp_path / "published" / "tiny-1" / "mini-x-2.json"
    assert read(path) == parse(dump(result))
    report = validate(path)
    assert report.accepted
    assert [p.rule for p in report.problems] == ["suite-known"]
    assert published_files(tmp_path) == published_files(path) == [path]


def test_a_result_that_breaks_its_schema_is_not_written(result: dict[str, Any], tmp_path: Path) -> None:
    result["variant"]["name"] = "../escape"
    with pytest.raises(JsonError):
        write_result(tmp_path, result)
    assert list(tmp_path.rglob("*.json")) == []


Change = Callable[[dict[str, Any]], object]


def warp(result: dict[str, Any], row: int) -> dict[str, Any]:
    """The warp error of one row."""
    return result["rows"][row]["scores"]["warp_error@1"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        (lambda r: r.update(schema="exvideo-result/2"), "/schema", "written by a newer exvideo-bench"),
        (lambda r: r.update(extra=1), "/extra", "not part of the schema"),
        (lambda r: r.pop("rows"), "", "has no 'rows'"),
        (lambda r: r["suite"]["items"][1].update(prompt="other"), "/suite/items/1/key", "not the key of this item"),
        (lambda r: r["suite"]["protocol"].update(fps=0), "/suite/protocol/fps", "from 1"),
        (lambda r: r["variant"].update(role="winner"), "/variant/role", "one of method"),
        (lambda r: r["variant"].update(summary="a\u202eb"), "/variant/summary", "U+202E"),
        (lambda r: r["variant"]["weights"].update(unet=""), "/variant/weights/unet", "does not match"),
        (lambda r: r["variant"]["params"].update(deep=["\x07"]), "/variant/params/deep/0", "U+0007"),
        (lambda r: r["rows"][2].update(item="a/../b"), "/rows/2/item", "does not match"),
        (lambda r: r["rows"][2].update(video="xyz"), "/rows/2/video", "does not match"),
        (lambda r: warp(r, 2).update(value=None), "/rows/2/scores/warp_error@1", "exactly"),
        (lambda r: warp(r, 2).update(value="1"), "/rows/2/scores/warp_error@1/value", "number"),
        (lambda r: warp(r, 2).update(value=None, status="excluded"), "/rows/2/scores/warp_error@1/reason", "missing"),
        (lambda r: r["set_scores"][0].update(n=1), "/set_scores/0/n", "from 2"),
        (lambda r: r["failures"].update({"E-X": -1}), "/failures/E-X", "from 0"),
        (lambda r: r["run"].update(git_dirty="no"), "/run/git_dirty", "true or false"),
        (lambda r: r["metrics"][0].update(better="up"), "/metrics/0/better", "higher, lower, none"),
    ],
)  # fmt: skip
def test_a_wrong_structure_is_refused_with_its_place(
    result: dict[str, Any], tmp_path: Path, change: Change, pointer: str, message: str
) -> None:
    change(result)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(result))
    with pytest.raises(Refused) as caught:
        read(path)
    assert caught.value.code == "E-RESULT"
    assert caught.value.where == f"{path}#{pointer}"
    assert message in caught.value.why
    (problem,) = validate(path).problems
    rule = "text" if message.startswith("U+") else "schema"
    assert (problem.rule, problem.severity, problem.pointer) == (rule, "error", pointer)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"schema": NaN}', None])
def test_a_file_that_is_no_result(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refused, match="not a result file"):
        read(path)
    assert not validate(path).accepted


def _duplicate_row(r: dict[str, Any]) -> None:
    r["rows"].insert(1, r["rows"][0])


def _swap_rows(r: dict[str, Any]) -> None:
    r["rows"][0], r["rows"][1] = r["rows"][1], r["rows"][0]


@pytest.mark.parametrize(
    ("rule", "pointer", "change"),
    [
        ("name", "", lambda r: r["variant"].update(revision=3)),
        ("suite-digest", "/suite/key", lambda r: r["suite"].update(key="0" * 32)),
        ("suite-digest", "/suite/key", lambda r: r["suite"].update(reference_size=4)),
        ("unique", "/rows/1", _duplicate_row),
        ("unique", "/metrics/3", lambda r: r["metrics"].append(r["metrics"][0])),
        ("sorted", "/rows/1", _swap_rows),
        ("belongs", "/rows/5/item", lambda r: r["rows"][5].update(item="999-unknown")),
        ("belongs", "/rows/5/seed", lambda r: r["rows"][5].update(seed=7)),
        ("declared", "/rows/0/scores/warp_error@1", lambda r: r["metrics"].pop(1)),
        ("declared", "/set_scores/0/metric", lambda r: r["metrics"].pop(0)),
        ("beside", "/metrics/1/beside", lambda r: r["metrics"].pop(2)),
        ("plausible", "/rows/3/seconds", lambda r: r["rows"][3].update(seconds=-1)),
        ("plausible", "/rows/3/seconds", lambda r: r["rows"][3].update(seconds=90_000)),
        ("plausible", "/rows/0/scores/warp_error@1/coverage", lambda r: warp(r, 0).update(coverage=1.5)),
        ("plausible", "/set_scores/0/n", lambda r: r["set_scores"][0].update(n=4)),
        ("plausible", "/set_scores/0", lambda r: r["set_scores"][0].update(ci_low=9.0)),
        ("plausible", "/set_scores/0/stderr", lambda r: r["set_scores"][0].update(detail={"jackknife": [1.0] * 3})),
        ("range", "/rows/1/scores/warp_error@1/value", lambda r: warp(r, 1).update(value=1.01)),
        ("range", "/set_scores/0/value", lambda r: r["set_scores"][0].update(value=-0.1, ci_low=None)),
        ("current", "/metrics/0", lambda r: r["metrics"][0].update(name="fd_mine")),
        ("current", "/metrics/1/key", lambda r: r["metrics"][1].update(key="9" * 32)),
        ("as-installed", "/metrics/2/profile_unit", lambda r: r["metrics"][2].update(profile_unit="%")),
        ("as-installed", "/metrics/1/better", lambda r: r["metrics"][1].update(better="higher")),
        ("plausible", "/set_scores/0/value", lambda r: r["set_scores"][0].update(value=1e9)),
        ("current", "/metrics/1/version", lambda r: r["metrics"][1].update(version=9)),
        ("large", "", lambda r: r["environment"].update({str(n): "x" * 1900 for n in range(600)})),
        ("times", "/run/started_at", lambda r: r["run"].update(started_at="yesterday")),
        ("times", "/run/finished_at", lambda r: r["run"].update(finished_at=None)),
        ("complete", "/rows", lambda r: r["rows"].pop()),
        ("clean", "/run/git_dirty", lambda r: r["run"].update(git_dirty=True)),
    ],
)  # fmt: skip
def test_every_rule_finds_its_breach(
    result: dict[str, Any], tmp_path: Path, rule: str, pointer: str, change: Change
) -> None:
    change(result)
    path = tmp_path / "tiny-1" / "mini-x-2.json"
    path.parent.mkdir()
    path.write_bytes(dump(result))
    report = validate(path)
    assert (rule, pointer) in {(p.rule, p.pointer) for p in report.problems}
    severities = {r.name: r.severity for r in RULES}
    assert report.accepted == all(severities[p.rule] == "warning" for p in report.problems)


def test_a_published_row_changes_only_with_a_new_run(result: dict[str, Any], tmp_path: Path) -> None:
    base = tmp_path / "published"
    write_result(base, result)
    changed = json.loads(json.dumps(result))
    warp(changed, 1).update(value=0.5)
    changed["rows"].pop(3)
    path = write_result(tmp_path / "mine", changed)
    assert not [p for p in validate(path).problems if p.rule == "unchanged"]
    found = [p.message for p in validate(path, base).problems if p.rule == "unchanged"]
    assert found == [
        f"000-disc s1 has changed in warp_error@1, and the run is still {RUN}",
        f"001-disc s1 is gone, and the run is still {RUN}",
    ]
    assert not validate(path, base).accepted
    changed["run"]["id"] = "another"
    assert validate(write_result(tmp_path / "mine", changed), base).accepted
    (base / "tiny-1" / "mini-x-2.json").write_text("{}")
    assert validate(write_result(tmp_path / "mine", result), base).accepted


CHANGES: dict[str, tuple[str, Change]] = {
    "a set score": ("/set_scores", lambda r: r["set_scores"][0].update(value=r["set_scores"][0]["value"] * 1.0001)),
    "a set score less": ("/set_scores", lambda r: r["set_scores"].pop()),
    "a set score's error": ("/set_scores", lambda r: r["set_scores"][0].update(stderr=None, ci_low=None, ci_high=None)),
    "its place in an experiment": ("/variant/factors", lambda r: r["variant"].update(factors={"conv": False})),
    "its parameters": ("/variant/params", lambda r: r["variant"].update(params={"steps": 99})),
    "failures": ("/failures", lambda r: r["failures"].clear()),
    "a direction": ("/metrics", lambda r: r["metrics"][1].update(better="none")),
    "memory": ("/rows", lambda r: r["rows"][0].update(peak_vram_bytes=1)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_nothing_that_was_measured_changes_without_a_new_run(what: str, result: dict[str, Any], tmp_path: Path) -> None:
    result["failures"] = {"E-SCORE": 2}
    write_result(tmp_path / "published", result)
    changed = json.loads(json.dumps(result))
    pointer, change = CHANGES[what]
    change(changed)
    for run, expected in ((changed["run"]["id"], [pointer]), ("another", [])):
        changed["run"]["id"] = run
        path = write_result(tmp_path / run, changed)
        found = validate(path, tmp_path / "published").problems
        assert [p.pointer for p in found if p.rule == "unchanged"] == expected
    assert not [p for p in validate(path).problems if p.rule == "unchanged"]


def test_a_published_calibration_changes_only_with_a_new_run(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "results/published/calibration-1/calibration.json"
    record = json.loads(source.read_text())
    base, mine = (tmp_path / name / "calibration-1" / "calibration.json" for name in ("base", "mine"))
    base.parent.mkdir(parents=True)
    mine.parent.mkdir(parents=True)
    base.write_text(json.dumps(record))
    sample = next(s for s in record["samples"] if s.get("values") and s["values"][0] is not None)
    sample["values"][0] += 1
    for run, expected in ((record["run"]["id"], 1), ("another", 0)):
        record["run"]["id"] = run
        mine.write_text(json.dumps(record))
        found = [p for p in validate(mine, tmp_path / "base").problems if p.rule == "unchanged"]
        assert len(found) == expected
        assert all(f"{sample['metric']} {sample['kind']} {sample['step']} has changed" in p.message for p in found)


def test_a_result_of_an_installed_suite_is_held_against_it(result: dict[str, Any], tmp_path: Path) -> None:
    result["suite"]["name"] = "mini"
    path = write_result(tmp_path, {**result, "suite": {**result["suite"], "name": "mini"}})
    problems = [p for p in validate(path).problems if p.rule == "suite-digest"]
    assert any("differs from the installed mini@1" in p.message for p in problems)


def test_many_breaches_of_one_rule_are_counted(result: dict[str, Any], tmp_path: Path) -> None:
    result["rows"] = [{**result["rows"][0], "item": "999-unknown", "seed": seed} for seed in range(20)]
    path = tmp_path / "x.json"
    path.write_bytes(dump(result))
    found = [p for p in validate(path).problems if p.rule == "belongs"]
    assert len(found) == MAX_PROBLEMS + 1
    assert "more of this kind" in found[-1].message


def test_the_rules_are_named_and_explained() -> None:
    assert len({name for name, _, _ in demands()}) == len(demands()) == len(RULES) + len(STRUCTURE) + len(TOGETHER)
    assert all(demand and severity in ("error", "warning") for _, severity, demand in demands())
    told = CliRunner().invoke(command, ["--rules", "--json"], standalone_mode=False).output
    assert [json.loads(line)["rule"] for line in told.splitlines()] == [name for name, _, _ in demands()]


@settings(max_examples=50)
@given(st.data())
def test_no_damage_escapes_as_another_error(sample: bytes, data: st.DataObject) -> None:
    """Whatever replaces one value of a result: it is parsed, or refused with its place."""
    damaged = json.loads(sample)
    holder: Any = damaged
    name: Any = data.draw(st.sampled_from(sorted(damaged)))
    while isinstance(holder[name], dict | list) and holder[name] and data.draw(st.booleans()):
        holder = holder[name]
        name = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    junk: st.SearchStrategy[object] = (
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([[], {}, [{}], [[]]])
    )
    holder[name] = data.draw(junk)
    try:
        parse(json.dumps(damaged).encode())
    except JsonError as error:
        refused = error
    else:
        return
    assert refused.message
    assert refused.pointer == "" or refused.pointer.startswith("/")


@pytest.mark.parametrize(
    ("word", "published"),
    [
        ("--results=/home/ann/runs/big", "--results=…/big"),
        ("/data/rows.py", "…/rows.py"),
        ("mini/2", "mini/2"),
        ("--variants=all,-mini-*", "--variants=all,-mini-*"),
        ("s3://bucket/folder", "s3://bucket/folder"),
    ],
)
def test_a_published_command_names_no_folder_of_the_machine(word: str, published: str) -> None:
    assert portable(word) == published
