"""A small suite with results of one variant, as they are exported."""

from __future__ import annotations

from typing import Any

from harness.export import export
from harness.keys import GenKey, MetricKey
from harness.model import Item, Needs, Protocol, Suite, Weight, generation_key, set_key
from harness.registry import MetricSpec, VariantSpec
from harness.spool import Envelope
from harness.store import Store
from tests.unit.store_helpers import failure, generation, run_record, score, scores, set_score

ITEMS = tuple(Item(f"00{i}-disc", f"a disc <{i}> & more", f"{i}" * 64, i, ("one-shape",)) for i in range(3))
SUITE = Suite("tiny", 1, "three discs", Protocol(8, 16, 16, 10), ITEMS, (0, 1), 3)


class Config:
    """Stands for a variant's configuration."""

    def needs(self) -> Needs:
        return Needs((Weight("unet", "weights/x", "ab" * 32),))


class Spec(VariantSpec):
    """A variant whose configuration is not a dataclass."""

    @property
    def params(self) -> dict[str, object]:
        return {"steps": 15, "conv": None}


VARIANT = Spec("mini-x", 2, "mini", "ablation", "a variant", Config(), "x.py")


def metric(name: str, scope: str = "video", beside: str = "", most: float | None = 1) -> MetricSpec:
    curve = ("speed", "pixels") if name == "dynamic_rate" else ("", "")
    told: dict[str, Any] = {"beside": beside, "bounds": (0, most), "profile": curve[0], "profile_unit": curve[1]}
    return MetricSpec(name, 1, "lower", "grey levels", "a metric", len, "x.py", scope, **told)


METRICS = {
    MetricKey("1" * 32): metric("warp_error", beside="dynamic_rate"),
    MetricKey("2" * 32): metric("dynamic_rate"),
    MetricKey("3" * 32): metric("fd_world", "set", most=None),
}
NAMES = {"warp_error@1": "1" * 32, "dynamic_rate@1": "2" * 32}


def gen_keys(count: int = 3) -> list[GenKey]:
    return [generation_key(VARIANT.key, i.key, s, SUITE.protocol.key) for i in ITEMS[:count] for s in SUITE.seeds]


def fill(store: Store, missing: int = 0) -> None:
    """Index a run of the variant with the last ``missing`` videos absent."""
    payloads = []
    for item in ITEMS:
        for seed in SUITE.seeds:
            key = generation_key(VARIANT.key, item.key, seed, SUITE.protocol.key)
            made: dict[str, Any] = {"variant_key": VARIANT.key, "item_key": item.key, "seed": seed}
            payloads.append(generation(store.results, key, protocol_key=SUITE.protocol.key, **made))
            records = [score(0.25 + seed / 2, "warp_error@1"), score(None, "dynamic_rate@1")]
            for record in records:
                record["metric_key"] = NAMES[record["metric"]]
            payloads.append(scores(key, *records))
    kept = payloads[: len(payloads) - 2 * missing]
    sets = [
        set_score(set_key(gen_keys(count), "ref"), value, n=count, metric_key="3" * 32, variant_key=VARIANT.key)
        for count, value in ((2, 9.0), (3, 4.0))
    ]
    faults = [failure(gen_keys()[0]), failure(f"{gen_keys()[1]}:score:warp_error", code="E-SCORE"), failure("else")]
    environment = {"kind": "environment", "env_key": "e" * 32, "spec": {"python": "3.11"}}
    store.record_run(run_record())
    done = store.ingest([Envelope(p, "x") for p in (*kept, *sets, *faults, environment)])
    assert not done.refused


def exported(store: Store) -> dict[str, Any]:
    facts: dict[str, Any] = {"trainable_parameters": 12, "training": {"steps": 3}}
    return export(store, SUITE, VARIANT, METRICS, reference_key="ref", **facts)
