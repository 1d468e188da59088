"""mini-seeds@1 is mini@1 with another seed: what was made for one is there for the other."""

from __future__ import annotations

import itertools

import numpy as np

from harness.keys import VariantKey
from harness.model import generation_key
from harness.suite import LoadedSuite, load_suite

VARIANT = VariantKey("0" * 32)


def generations(loaded: LoadedSuite, seeds: tuple[int, ...]) -> list[str]:
    suite = loaded.suite
    pairs = itertools.product(suite.items, seeds)
    return [generation_key(VARIANT, item.key, seed, suite.protocol.key) for item, seed in pairs]


def test_it_differs_from_mini_in_its_seeds_alone() -> None:
    mini, seeds = load_suite("mini"), load_suite("mini-seeds@1")
    assert (mini.suite.seeds, seeds.suite.seeds) == ((0,), (0, 1))
    assert seeds.suite.items == mini.suite.items
    assert (seeds.suite.protocol, seeds.suite.reference_size) == (mini.suite.protocol, mini.suite.reference_size)
    assert seeds.reference_key == mini.reference_key
    assert seeds.suite.key != mini.suite.key
    assert np.array_equal(seeds.image(seeds.suite.items[3]), mini.image(mini.suite.items[3]))


def test_videos_of_the_first_seed_are_shared_and_those_of_the_second_are_new() -> None:
    mini, seeds = load_suite("mini"), load_suite("mini-seeds")
    assert generations(mini, mini.suite.seeds) == generations(seeds, (0,))
    assert not set(generations(mini, mini.suite.seeds)) & set(generations(seeds, (1,)))


def test_the_digest_of_mini_seeds_1_is_this_for_ever() -> None:
    assert load_suite("mini-seeds@1").suite.key == "911409d664ab154b79cedc85a7e45716"
