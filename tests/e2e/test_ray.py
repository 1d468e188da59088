"""A Ray cluster of two nodes on this machine, one of which is taken away half-way."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Cli, summary, table_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray, which is large"),
    pytest.mark.filterwarnings("default"),
]

ASKED = ("--limit", "6", "--metrics", "test_mean,test_distance")


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    made.shutdown()


def test_a_node_that_dies_loses_nothing_and_nothing_is_counted_twice(cli: Cli, cluster: Any) -> None:
    code, events = cli.events("test-slow", *ASKED, "--results", "local")
    assert code == 0
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    jobs = ("--engine", "ray", "--ray", f"address={cluster.address},jobs=2,tasks=2")
    process = cli.start("test-slow", *ASKED, *jobs, TEST_DELAY="1")
    cli.wait_for_videos(1)
    cluster.remove_node(second, allow_graceful=False)
    _, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    code, again = cli.events("test-slow", *ASKED)
    assert (code, summary(again)["made"], summary(again)["scored"]) == (0, 0, 0)
    assert table_of(again) == table_of(events)
