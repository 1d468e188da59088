"""The loop of a run on an engine that does what a script says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from harness import coordinator
from harness.coordinator import Coordinator
from harness.engines.fake import FakeEngine
from harness.errors import CannotStart
from harness.outcome import Outcome
from harness.plan import RUNS, Have, Made, Plan, make_plan
from harness.spool import read_envelopes
from harness.status import read_latest
from harness.tasks import AggregateTask, Event, GenerateTask, ReferenceTask, ScoreTask, Task
from harness.watchdog import Watchdog
from tests.unit.run_helpers import Watch, column, fault, plan, suite, variant, work

SET = (column("sharp"), column("fd", "set"))


class Run:
    """One coordinator with everything around it."""

    def __init__(
        self,
        folder: Path,
        wanted: Plan,
        do: Callable[[Task], Event] = work,
        script: Mapping[str, Sequence[str]] | None = None,
        have: Have | None = None,
    ) -> None:
        self.engine = FakeEngine(do, script)
        self.watch = Watch()
        self.ingested = 0
        held = have or Have()
        self.results = folder
        self.coordinator = Coordinator(
            wanted,
            self.engine,
            self.watch,
            have={key: (made.video, made.frames) for key, made in held.videos.items()},
            features={(gen, "net"): sha for (gen, _), sha in held.features.items()},
            ingest=self.ingest,
            folder=folder / "runs" / "r",
            spool=folder / "spool" / "r" / "coordinator",
            run_id="r",
        )

    def ingest(self) -> int:
        self.ingested += 1
        return 0

    def go(self) -> Outcome:
        return self.coordinator.run()

    def done(self, kind: type[Task]) -> list[Task]:
        return [task for task in self.engine.done if isinstance(task, kind)]


def test_everything_is_made_measured_and_compared_once(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(columns=SET))
    outcome = run.go()
    assert (outcome.made, outcome.scored, outcome.failed) == (6, 6 + 2, [])
    assert [len(run.done(kind)) for kind in (GenerateTask, ScoreTask, ReferenceTask, AggregateTask)] == [6, 6, 1, 2]
    assert run.engine.closed
    assert run.ingested >= 1


def test_the_first_video_is_measured_before_the_last_is_made(tmp_path: Path) -> None:
    run = Run(tmp_path, plan())
    run.go()
    score = run.done(ScoreTask)[0]
    assert run.engine.done[0].id + ":score" == score.id


def test_what_is_there_is_measured_without_being_made(tmp_path: Path) -> None:
    units = [u.gen_key for row in plan().rows for u in row.units]
    have = Have({key: Made(f"video-{key}", "f") for key in units})
    run = Run(tmp_path, plan(have=have), have=have)
    assert run.go().made == 0
    assert {task.video for task in run.done(ScoreTask) if isinstance(task, ScoreTask)} == {f"video-{k}" for k in units}


def test_a_lost_task_is_done_again_and_each_loss_is_recorded(tmp_path: Path) -> None:
    wanted = plan(names=["a"], items=1)
    key = wanted.rows[0].units[0].gen_key
    run = Run(tmp_path, wanted, script={key: ["lost", "lost"]})
    outcome = run.go()
    assert (outcome.made, outcome.failed) == (1, [])
    assert [task.attempt for task in run.done(GenerateTask)] == [1, 2, 3]
    envelopes, _ = read_envelopes(tmp_path / "spool")
    assert [(e.payload["code"], e.payload["attempt"]) for e in envelopes] == [("E-WORKER", 1), ("E-WORKER", 2)]


def test_three_losses_are_enough(tmp_path: Path) -> None:
    wanted = plan(names=["a"], items=1)
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[0].gen_key: ["lost"] * 5})
    outcome = run.go()
    assert outcome.made == 0
    assert [failed.code for failed in outcome.failed] == ["E-WORKER"]
    assert len(run.done(GenerateTask)) == 3


def test_a_fault_that_depends_on_the_content_is_not_tried_again(tmp_path: Path) -> None:
    wanted = plan(names=["a"])
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[1].gen_key: ["fatal"]})
    outcome = run.go()
    assert (outcome.made, len(outcome.failed)) == (2, 1)
    assert len(run.done(GenerateTask)) == 3
    assert run.watch.failures == outcome.failed


def out_of_memory(enough: int) -> Callable[[Task], Event]:
    """A worker whose memory suffices for a video from so many lighter steps on."""

    def do(task: Task) -> Event:
        if isinstance(task, GenerateTask) and task.lighter < enough:
            return Event("failed", task, "fake", faults=(fault("E-MEMORY", retryable=True, stage="generate"),))
        event = work(task)
        if isinstance(task, GenerateTask):
            return dataclasses.replace(event, result={**event.result, "lightened": ["less"] * task.lighter})
        return event

    return do


def out_of_memory_of(variant: str, enough: int) -> Callable[[Task], Event]:
    """The same for the videos of one variant alone."""
    scarce = out_of_memory(enough)
    return lambda task: scarce(task) if isinstance(task, GenerateTask) and task.variant == variant else work(task)


def test_a_video_whose_memory_ran_out_is_made_lighter_and_it_is_said(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=1), out_of_memory(enough=2))
    outcome = run.go()
    assert (outcome.made, outcome.failed) == (1, [])
    made = [task for task in run.done(GenerateTask) if isinstance(task, GenerateTask)]
    assert [(task.attempt, task.lighter) for task in made] == [(1, 0), (2, 1), (3, 2)]
    assert sum("memory ran out" in note for note in run.watch.notes) == 2
    assert sum("made with less, less" in note for note in run.watch.notes) == 1


def test_once_memory_ran_out_the_variants_other_videos_begin_lighter(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a", "b"], items=3), out_of_memory_of("a", enough=2))
    assert run.go().made == 6
    made = [task for task in run.done(GenerateTask) if isinstance(task, GenerateTask)]
    assert [task.lighter for task in made if task.variant == "a"] == [0, 1, 2, 2, 2]
    assert {task.lighter for task in made if task.variant == "b"} == {0}
    assert sum("memory ran out" in note for note in run.watch.notes) == 2


def test_a_video_that_begins_at_the_lightest_is_not_tried_beyond_it(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=2), out_of_memory(enough=9))
    outcome = run.go()
    assert [failed.code for failed in outcome.failed] == ["E-MEMORY"] * 2
    made = [task for task in run.done(GenerateTask) if isinstance(task, GenerateTask)]
    assert [task.lighter for task in made] == [0, 1, 2, 3, 3]


def test_a_worker_that_was_killed_makes_its_video_again_lighter_but_measures_as_before(tmp_path: Path) -> None:
    wanted = plan(names=["a"], items=1)
    key = wanted.rows[0].units[0].gen_key
    run = Run(tmp_path, wanted, script={key: ["killed", "lost"], f"{key}:score": ["killed"]})
    outcome = run.go()
    assert (outcome.made, outcome.failed) == (1, [])
    made = [task for task in run.done(GenerateTask) if isinstance(task, GenerateTask)]
    assert [(task.attempt, task.lighter) for task in made] == [(1, 0), (2, 1), (3, 1)]
    assert [task.attempt for task in run.done(ScoreTask)] == [1, 2]
    assert sum("its worker was killed" in note for note in run.watch.notes) == 1


def test_offloading_begins_every_video_one_step_lighter_and_says_nothing_of_each(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=2), out_of_memory(enough=1))
    run.coordinator.lighter = 1
    assert run.go().made == 2
    assert {task.lighter for task in run.done(GenerateTask) if isinstance(task, GenerateTask)} == {1}
    assert run.watch.notes == []


def test_three_lighter_ways_are_tried_and_no_more(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"], items=1), out_of_memory(enough=9))
    outcome = run.go()
    assert [failed.code for failed in outcome.failed] == ["E-MEMORY"]
    assert len(run.done(GenerateTask)) == 4


def test_only_the_part_that_can_succeed_is_measured_again(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        event = work(task)
        if isinstance(task, ScoreTask) and task.attempt == 1:
            parts = (fault("E-MEMORY", "net", retryable=True), fault("E-SCORE", "sharp"))
            return Event("finished", task, "fake", 0.5, 1, {"scores": 0, "features": {}}, parts)
        return event

    run = Run(tmp_path, plan(names=["a"], columns=SET), do)
    outcome = run.go()
    second = [t for t in run.done(ScoreTask) if isinstance(t, ScoreTask) and t.attempt == 2]
    assert {(t.metrics, t.extractors) for t in second} == {((), ("net",))}
    assert [failed.label.endswith("sharp") for failed in outcome.failed] == [True] * 3
    assert len(run.done(AggregateTask)) == 1


def test_a_set_with_a_missing_video_is_not_compared(tmp_path: Path) -> None:
    wanted = plan(names=["a", "b"], columns=SET)
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[0].gen_key: ["fatal"]})
    run.go()
    assert [task.variant for task in run.done(AggregateTask) if isinstance(task, AggregateTask)] == ["b"]


def test_one_interrupt_drops_what_has_not_started(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        run.coordinator.interrupt()
        return work(task)

    run = Run(tmp_path, plan(names=["a"]), do)
    outcome = run.go()
    assert outcome.interrupted
    assert outcome.made == 1
    assert outcome.left == 3, "two videos, and the measurement of the first"
    assert "finishing what is in hand" in run.watch.notes[0]
    assert run.ingested >= 1


def test_a_second_interrupt_drops_everything(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(names=["a"]))
    run.coordinator.interrupt()
    run.coordinator.interrupt()
    outcome = run.go()
    assert (outcome.made, outcome.left) == (0, 3)
    assert run.engine.closed


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        if isinstance(task, GenerateTask) and task.item == "001":
            return Event("failed", task, "fake", faults=(fault("E-DISK", stage="encode"),))
        return work(task)

    run = Run(tmp_path, plan(names=["a"]), do)
    outcome = run.go()
    assert outcome.stopped
    assert outcome.stopped.code == "E-DISK"
    assert outcome.made == 1
    assert run.ingested >= 1


def test_a_reader_of_the_index_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "INGEST_ENVELOPES", 1)
    run = Run(tmp_path, plan())
    asked: list[int] = []

    def busy() -> int:
        asked.append(1)
        if len(asked) < 3:
            raise CannotStart("E-LOCK", "The index is in use by process 7.")
        return 0

    run.coordinator.ingest = busy
    outcome = run.go()
    assert (outcome.made, outcome.failed) == (6, [])
    assert [note for note in run.watch.notes if "in use by process 7" in note] == [
        "The index is in use by process 7. The run goes on; what is finished waits in the spool."
    ]
    assert len(asked) > 3


def test_another_reason_not_to_index_does_stop_it(tmp_path: Path) -> None:
    run = Run(tmp_path, plan())

    def damaged() -> int:
        raise CannotStart("E-STORE", "The index cannot be used.")

    run.coordinator.ingest = damaged
    with pytest.raises(CannotStart, match="cannot be used"):
        run.go()


def test_the_status_file_ends_with_the_final_counts(tmp_path: Path) -> None:
    run = Run(tmp_path, plan(columns=SET))
    run.go()
    status = json.loads((tmp_path / "runs" / "r" / "status.json").read_text())
    assert (status["videos_done"], status["videos_total"]) == (6, 6)
    assert (status["scores_done"], status["scores_total"]) == (8, 8)
    assert run.watch.states[-1].scores_done == 8
    assert read_latest(tmp_path)


class Clock:
    """Time that passes by half a minute whenever it is asked for."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 30.0
        return self.now


def test_a_task_that_hangs_is_ended_recorded_and_not_tried_again(tmp_path: Path) -> None:
    wanted = plan(names=["a"])
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[1].gen_key: ["hangs"]})
    run.coordinator.watchdog, run.coordinator.clock = Watchdog(120.0), Clock()
    outcome = run.go()
    assert (outcome.made, [failed.code for failed in outcome.failed]) == (2, ["E-TIMEOUT"])
    assert "not over after 120 s" in outcome.failed[0].message
    assert len(run.done(GenerateTask)) == 3
    envelopes, _ = read_envelopes(tmp_path / "spool")
    assert [(e.payload["code"], e.payload["retryable"], e.payload["attempt"]) for e in envelopes] == [
        ("E-TIMEOUT", False, 1)
    ]


def test_a_worker_lost_in_time_is_no_timeout(tmp_path: Path) -> None:
    wanted = plan(names=["a"], items=1)
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[0].gen_key: ["lost"]})
    run.coordinator.watchdog, run.coordinator.clock = Watchdog(3600.0), Clock()
    assert run.go().failed == []
    assert [e.payload["code"] for e in read_envelopes(tmp_path / "spool")[0]] == ["E-WORKER"]


def test_a_run_stops_at_its_limit_of_failures_after_what_is_in_hand(tmp_path: Path) -> None:
    wanted = plan(names=["a", "b"])
    script: dict[str, list[str]] = {unit.gen_key: ["fatal"] for unit in wanted.rows[0].units}
    run = Run(tmp_path, wanted, script=script)
    run.coordinator.max_failures = 2
    outcome = run.go()
    assert (len(outcome.failed), outcome.made, outcome.left) == (2, 0, 4)
    assert outcome.stopped
    assert (outcome.stopped.code, outcome.stopped.exit_status) == ("E-FAILURES", 3)
    assert run.engine.closed
    assert not outcome.interrupted


def test_below_the_limit_a_run_goes_to_its_end(tmp_path: Path) -> None:
    wanted = plan(names=["a"])
    run = Run(tmp_path, wanted, script={wanted.rows[0].units[0].gen_key: ["fatal"]})
    run.coordinator.max_failures = 2
    outcome = run.go()
    assert (outcome.made, len(outcome.failed), outcome.stopped) == (2, 1, None)


def test_a_second_making_is_told_and_neither_counted_nor_measured_as_a_result(tmp_path: Path) -> None:
    units = [u.gen_key for u in plan(names=["a"]).rows[0].units]
    have = Have({key: Made(f"v-{key}", f"f-{key}") for key in units}, frozenset((key, "key-sharp") for key in units))
    wanted = make_plan(suite(), None, [(variant("a"), RUNS)], [column("sharp")], "", have, {"a": {"000", "001"}})

    def do(task: Task) -> Event:
        assert isinstance(task, GenerateTask)
        differs = {"bitwise": False, "psnr_db": 40.0, "largest": 9}
        same = task.first == f"f-{task.id}" and task.item == "000"
        return Event("finished", task, "fake", 0.5, 1, {"replicates": {"bitwise": True} if same else differs})

    run = Run(tmp_path, wanted, do, have=have)
    outcome = run.go()
    assert (outcome.made, outcome.scored, outcome.left) == (0, 0, 0)
    assert [(r.label, r.bitwise, r.largest) for r in outcome.redone] == [
        ("a 000 s0", True, None),
        ("a 001 s0", False, 9),
    ]
    assert [("equal" in note, "differs" in note) for note in run.watch.notes] == [(True, False), (False, True)]
    assert run.watch.states[-1].videos_done == run.watch.states[-1].videos_total == 2


def test_what_an_interrupt_leaves_unmeasured_is_still_to_do(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        run.coordinator.interrupt()
        return work(task)

    run = Run(tmp_path, plan(names=["a"], items=1), do)
    outcome = run.go()
    assert (outcome.made, outcome.scored, outcome.left) == (1, 0, 1), "the video in hand is not measured any more"
    assert outcome.unfinished

    run = Run(tmp_path / "set", plan(names=["a"], columns=SET), do)
    outcome = run.go()
    assert (outcome.made, outcome.scored, outcome.left) == (0, 0, 3 + 1), "three videos and the set"


def test_a_failure_has_the_log_of_its_worker_and_what_to_do(tmp_path: Path) -> None:
    def do(task: Task) -> Event:
        wrong = dataclasses.replace(fault("E-VIDEO"), fix="delete it")
        return Event("failed", task, "generate-0", faults=(wrong,)) if isinstance(task, GenerateTask) else work(task)

    run = Run(tmp_path, plan(names=["a"], items=1), do)
    log = run.coordinator.folder / "generate-0.log"
    log.parent.mkdir(parents=True)
    log.write_text("Traceback")
    (failed,) = run.go().failed
    assert (failed.row, failed.fix, failed.log) == ("a", "delete it", str(log))
