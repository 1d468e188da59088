"""Sources and the latent cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.errors import CannotStart, UsageError
from harness.exvideo.base import load_base
from harness.exvideo.dataset import Example, cached, encode, open_source
from harness.exvideo.image import to_pixels
from harness.motion import motion_bucket
from harness.suites.mini import world
from harness.suites.mini.seeds import TRAIN_SEEDS, VALIDATION_SEEDS


@dataclass(frozen=True)
class Fixed:
    """Two clips of noise; the second says its own bucket."""

    name: str = "fixed"
    num_frames: int = 3

    def __len__(self) -> int:
        return 2

    def examples(self, num_frames: int) -> Iterator[Example]:
        for seed, bucket in ((0, None), (1, 5)):
            rng = np.random.default_rng(seed)
            yield Example(rng.integers(0, 256, (self.num_frames, 16, 16, 3), dtype=np.uint8), 12, bucket)


def test_the_world_gives_the_clips_of_its_seeds_and_never_a_suites() -> None:
    splits = open_source("world:3", validation_clips=2)
    first = next(iter(splits["train"].examples(5)))
    assert np.array_equal(first.frames, world.render(world.sample_scene(TRAIN_SEEDS[0]), 5))
    held_out = next(iter(splits["validation"].examples(5)))
    assert np.array_equal(held_out.frames, world.render(world.sample_scene(VALIDATION_SEEDS[0]), 5))
    assert [len(splits[s]) for s in ("train", "validation")] == [3, 2]
    assert len(list(splits["train"].examples(2))) == 3


@pytest.mark.parametrize("name", ["world", "world:0", "world:-1", "world:x", "videos:10", "world:99999999"])
def test_sources_that_do_not_exist_are_named(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(name, validation_clips=2)
    assert caught.value.code == "E-DATA"
    assert name in caught.value.what


def test_encoding_keeps_what_training_needs(tiny_base: Path) -> None:
    components = load_base(tiny_base)
    clips = list(Fixed().examples(3))
    data = encode(Fixed(), components, 3, chunk=2)
    with torch.no_grad():
        pixels = to_pixels(clips[1].frames)
        torch.testing.assert_close(data.latents[1].float(), components.vae.encode(pixels), atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(data.embedding[1], components.embed(pixels[:1])[0])
    assert np.array_equal(data.first[1].numpy(), clips[1].frames[0])
    assert data.fps.tolist() == [12, 12]
    assert data.bucket.tolist() == [motion_bucket(clips[0].frames), 5]
    assert data.latents.dtype == torch.float16


def test_a_clip_of_another_length_is_refused(tiny_base: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used") as caught:
        encode(Fixed(num_frames=2), load_base(tiny_base), 3)
    assert "clip 0 has 2 frames" in caught.value.why


def test_a_cache_is_made_once_and_read_afterwards(tiny_base: Path, tmp_path: Path) -> None:
    components, path = load_base(tiny_base), tmp_path / "cache.safetensors"
    sources = {"train": Fixed(), "validation": Fixed()}
    seen: list[tuple[int, int]] = []
    made = cached(path, sources, components, 3, "abc", report=lambda *p: seen.append(p))
    assert seen == [(1, 2), (2, 2)] * 2
    read = cached(path, sources, components, 3, "abc", report=lambda *p: seen.append(p))
    assert len(seen) == 4
    for split, data in made.items():
        for name, tensor in data.tensors().items():
            assert torch.equal(tensor, read[split].tensors()[name])
    without = cached(None, sources, components, 3, "abc")
    assert torch.equal(without["train"].latents, made["train"].latents)


def test_a_cache_of_something_else_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    components, path = load_base(tiny_base), tmp_path / "cache.safetensors"
    sources = {"train": Fixed(), "validation": Fixed()}
    cached(path, sources, components, 3, "abc")
    (tmp_path / "text").write_text("no")
    others = [
        (path, "other", sources),
        (path, "abc", {**sources, "train": Fixed("new")}),
        (tmp_path / "text", "abc", sources),
    ]
    for file, encoders, wanted in others:
        with pytest.raises(CannotStart) as caught:
            cached(file, wanted, components, 3, encoders)
        assert caught.value.code == "E-CACHE"
        assert caught.value.where == str(file)
