"""ExVideo's published checkpoint format: names, block numbers and fingerprint without weights, and round trips."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor

from harness.commands.convert import command
from harness.errors import CannotStart, HarnessError, Refused
from harness.exvideo.checkpoint import Header, load_checkpoint, read_checkpoint, read_header, save_checkpoint
from harness.exvideo.convert import convert
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.freezing import freeze, trainable_names
from harness.exvideo.misfits import misfits
from harness.exvideo.published import (
    NAMES,
    block_numbers,
    fingerprint,
    is_published,
    published_names,
    published_shapes,
    to_published,
)
from harness.exvideo.svd_xt import skeleton
from tests.exvideo.helpers import BLOCK_NAMES, run_unet, tiny_unet, unet_inputs

full = cache(skeleton)
CONFIG = ExtensionConfig.of_native(8, num_frames=12)
# The authors' numbers of SVD-XT's sixteen temporal blocks.
PUBLISHED = {
    "down_blocks.0": (7, 17),
    "down_blocks.1": (29, 39),
    "down_blocks.2": (51, 61),
    "mid_block": (83,),
    "up_blocks.1": (113, 123, 133),
    "up_blocks.2": (144, 154, 164),
    "up_blocks.3": (175, 185, 195),
}


def tuned() -> tuple[Any, dict[str, Tensor]]:
    unet = extend(tiny_unet(), CONFIG)
    rng = torch.Generator().manual_seed(2)
    chosen = freeze(unet, "temporal")
    with torch.no_grad():
        for parameter in chosen.values():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    return unet, {name: p.detach() for name, p in chosen.items()}


def published_file(path: Path, change: Any = None) -> Path:
    unet, tensors = tuned()
    renamed = to_published(tensors, unet)
    if change:
        change(renamed)
    save_file({name: tensor.contiguous() for name, tensor in renamed.items()}, path)
    return path


def test_the_names_and_shapes_of_svd_xt_have_the_published_fingerprint() -> None:
    shapes = published_shapes(full(), 128)
    assert len(shapes) == 528
    assert fingerprint(shapes) == "9a4ab6869ac9b7d6e31f9854e397c867"


def test_the_fingerprint_is_of_the_set_and_not_of_its_order() -> None:
    shapes = list(published_shapes(full(), 128).items())
    random.Random(0).shuffle(shapes)
    assert fingerprint(dict(shapes)) == "9a4ab6869ac9b7d6e31f9854e397c867"
    assert fingerprint(published_shapes(full(), 127)) != "9a4ab6869ac9b7d6e31f9854e397c867"


def test_the_block_numbers_are_the_published_ones() -> None:
    expected = {f"{b}.attentions.{i}": n for b, numbers in PUBLISHED.items() for i, n in enumerate(numbers)}
    assert block_numbers(full()) == expected


def test_every_trained_parameter_of_the_full_model_has_one_published_name() -> None:
    unet = extend(skeleton(), ExtensionConfig("identity", "learn_reflect", 128))
    names = published_names(unet)
    assert set(names.values()) == set(trainable_names(unet, "temporal"))
    assert len(set(names.values())) == len(names) == 528


def test_the_names_inside_a_block_agree_with_the_reference() -> None:
    assert len(NAMES) == 33
    for theirs, ours in NAMES.items():
        stem, _, leaf = theirs.rpartition(".")
        assert BLOCK_NAMES.get(theirs, f"{BLOCK_NAMES.get(stem)}.{leaf}") == ours


def test_a_published_file_loads_like_ours(tmp_path: Path) -> None:
    unet, _ = tuned()
    path = published_file(tmp_path / "model.safetensors")
    assert is_published(load_file(path))
    assert read_header(path).config == ExtensionConfig("identity", "learn_reflect", 12)
    loaded = load_checkpoint(tiny_unet(), path, base="any base")
    inputs = unet_inputs(12)
    assert torch.equal(run_unet(loaded, inputs), run_unet(unet, inputs))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("blocks.7.positional_conv.weight"), "missing: blocks.7.positional_conv.weight"),
        (lambda t: t.pop("blocks.7.norm_in.bias"), "missing: blocks.7.norm_in.bias"),
        (lambda t: t.update({"blocks.8.norm_in.bias": torch.zeros(3)}), "unknown: blocks.8.norm_in.bias"),
        (
            lambda t: t.update({"blocks.7.positional_embedding.embeddings": torch.zeros(9, 32)}),
            "misshapen: blocks.7.positional_embedding.embeddings (9, 32), expected (12, 32)",
        ),
        (lambda t: [t.pop(n) for n in list(t) if n.endswith("embeddings")], "missing: blocks.19.positional_embedding"),
    ],
)
def test_what_does_not_fit_is_named_as_in_the_file(tmp_path: Path, change: Any, says: str) -> None:
    path = published_file(tmp_path / "model.safetensors", change)
    with pytest.raises(CannotStart) as caught:
        load_checkpoint(tiny_unet(), path)
    assert caught.value.code == "E-CHECKPOINT"
    assert says in caught.value.why


def test_the_published_checkpoint_does_not_fit_another_base(tmp_path: Path) -> None:
    shapes = {n: s for n, s in published_shapes(full(), 128).items() if n.startswith("blocks.7.norm")}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "x")
    with pytest.raises(CannotStart, match="does not fit this base") as caught:
        load_checkpoint(tiny_unet(), tmp_path / "x")
    assert "misshapen: blocks.7.norm1.bias (320,), expected (32,)" in caught.value.why


def test_a_truncated_file_is_named_with_its_size(tmp_path: Path) -> None:
    path = published_file(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CannotStart) as caught:
        read_checkpoint(path)
    assert f"{path.stat().st_size} bytes" in caught.value.why


def test_conversion_there_and_back_keeps_every_bit(tmp_path: Path, tiny_base: Path) -> None:
    published = published_file(tmp_path / "published.safetensors")
    assert convert(published, tmp_path / "ours.safetensors", base=str(tiny_base)) == "ours"
    assert read_header(tmp_path / "ours.safetensors").training["converted_from"] == "published.safetensors"
    assert convert(tmp_path / "ours.safetensors", tmp_path / "again.safetensors", base=str(tiny_base)) == "published"
    first, last = load_file(published), load_file(tmp_path / "again.safetensors")
    assert first.keys() == last.keys()
    assert all(torch.equal(first[name], last[name]) for name in first)


def test_the_command_writes_the_other_format_and_says_which(tmp_path: Path, tiny_base: Path) -> None:
    published = published_file(tmp_path / "published.safetensors")
    target = str(tmp_path / "ours.safetensors")
    result = CliRunner().invoke(command, [str(published), target, "--base", str(tiny_base)])
    assert result.exit_code == 0
    assert result.stdout.strip() == target
    assert "'ours'" in result.stderr


def refused(tmp_path: Path, source: Path, **options: str) -> HarnessError:
    with pytest.raises(HarnessError) as caught:
        convert(source, tmp_path / "out.safetensors", **options)
    assert not (tmp_path / "out.safetensors").exists()
    return caught.value


def test_a_conversion_that_cannot_be_is_refused(tmp_path: Path, tiny_base: Path) -> None:
    published, base = published_file(tmp_path / "published.safetensors"), str(tiny_base)
    same = refused(tmp_path, published, to="published", base=base)
    assert (same.code, same.fix) == ("E-OPTION", "--to ours")
    assert "does not fit this base" in refused(tmp_path, published).what  # SVD-XT is much larger
    config = ExtensionConfig.of_native(8, num_frames=12, conv="none", positions="learn_reflect")
    chosen = freeze(extend(tiny_unet(), config), "temporal")
    save_checkpoint(
        tmp_path / "no-conv.safetensors", {n: p.detach() for n, p in chosen.items()}, Header(config, "", {})
    )
    lacking = refused(tmp_path, tmp_path / "no-conv.safetensors", base=base)
    assert lacking.code == "E-CHECKPOINT"
    assert "missing: blocks." in lacking.why
    assert "conv none" in lacking.why
    published.rename(tmp_path / "taken.safetensors")
    with pytest.raises(Refused):
        convert(tmp_path / "taken.safetensors", tmp_path / "no-conv.safetensors", base=base)


def test_many_misfits_are_counted_and_the_first_named() -> None:
    text = misfits({}, dict.fromkeys("abcdef", (1,)), set("abcdef"))
    assert text == "missing: a, b, c, d and 2 more"
    assert misfits({"a": (1,)}, {"a": (1,)}, {"a"}) == ""
