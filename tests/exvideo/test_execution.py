"""Portions, places and kernels leave the result alone; what would be too large for the kernels is refused."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch._dynamo.testing import CompileCounter

from harness.errors import UsageError
from harness.exvideo.base import DTYPES, Components, load_base, loading_dtype
from harness.exvideo.execution import (
    LIGHT_ELEMENTS,
    MAX_ELEMENTS,
    Execution,
    attention_kernel,
    attention_matrix,
    check_tensors,
    feed_forward_in_pieces,
    largest_tensor,
    resident,
)
from harness.exvideo.extension import ExtensionConfig, extend
from harness.exvideo.pipeline import SamplingSettings, generate
from harness.exvideo.svd_xt import skeleton
from harness.exvideo.tiles import decode_tiled, ramp, starts
from tests.exvideo.helpers import run_unet, tiny_unet, unet_inputs
from tests.exvideo.test_pipeline import SIZE, draw, picture

GUIDED = SamplingSettings(6, steps=1, min_guidance=1.0, max_guidance=3.0)
full = cache(skeleton)


@pytest.fixture(scope="module")
def base(tiny_base: Path) -> Components:
    return load_base(tiny_base)


def make(base: Components, execution: Execution) -> NDArray[np.uint8]:
    noise = draw(*base.latent_shape(GUIDED.num_frames, SIZE, SIZE))
    return generate(base, picture(), GUIDED, noise, draw(3, SIZE, SIZE, seed=1), execution)


@pytest.mark.parametrize("change", [{"batched": True}, {"offload": True}, {"pieces": 2**14}, {"attention": "math"}])
def test_how_a_clip_is_computed_does_not_change_it(base: Components, change: dict[str, Any]) -> None:
    plain, other = make(base, Execution()), make(base, Execution(**change))
    assert np.abs(plain.astype(int) - other.astype(int)).max() <= 1  # a level, where rounding falls on an edge


@pytest.mark.slow
def test_an_extended_unet_compiles_as_one_graph_that_computes_the_same() -> None:
    config = ExtensionConfig(num_frames=6, conv="identity", positions="learn_reflect", max_id=5, repeat_length=4)
    unet, inputs = extend(tiny_unet(), config), unet_inputs(6)
    plain = run_unet(unet, inputs)
    graphs = CompileCounter()  # traces as any backend does, and leaves the kernels to torch
    unet.compile(backend=graphs, fullgraph=True)
    assert torch.equal(run_unet(unet, inputs), plain)
    assert graphs.frame_count == 1


@pytest.mark.slow
def test_a_base_in_bfloat16_makes_nearly_the_same_clip(base: Components, tiny_base: Path) -> None:
    plain = make(base, Execution()).astype(int)
    short = make(load_base(tiny_base, dtype=torch.bfloat16), Execution()).astype(int)
    assert 0 < np.abs(plain - short).mean() < 2


def test_a_gpu_loads_what_a_row_names_and_a_cpu_in_single_precision() -> None:
    assert [loading_dtype(name, "cuda:1") for name in DTYPES] == [torch.float16, torch.bfloat16, torch.float32]
    assert {loading_dtype(name, "cpu") for name in DTYPES} == {torch.float32}
    for device in ("cpu", "cuda"):
        with pytest.raises(UsageError) as caught:
            loading_dtype("half", device)
        assert caught.value.code == "E-SETTINGS"
        assert 'dtype: str = "float16"' in caught.value.fix


def test_lighter_means_offloading_then_single_branches_then_pieces() -> None:
    first, said = Execution(batched=True).lightened(1)
    assert (first.offload, first.batched, first.pieces) == (True, True, MAX_ELEMENTS)
    assert said == ["parts of the model wait on the CPU"]
    last, said = Execution(batched=True).lightened(9)
    assert (last.offload, last.batched, last.pieces) == (True, False, LIGHT_ELEMENTS)
    assert len(said) == 3
    assert Execution().lightened(0) == (Execution(), [])


def test_a_step_that_was_taken_already_is_not_counted() -> None:
    lighter, said = Execution(offload=True).lightened(1)
    assert lighter.pieces == LIGHT_ELEMENTS
    assert said == ["feed-forward layers in pieces"]


def test_a_part_is_on_the_device_for_its_work_and_afterwards_off_it() -> None:
    moves: list[str] = []

    class Part(nn.Module):
        def to(self, device: Any) -> Part:  # type: ignore[override]
            moves.append(str(device))
            return self

    for offload in (False, True):
        with resident(Part(), torch.device("meta"), Execution(offload=offload)):
            moves.append("work")
    assert moves == ["meta", "work", "meta", "work", "cpu"]


def test_feed_forward_in_pieces_is_exact_and_can_be_undone() -> None:
    unet, inputs = tiny_unet(), unet_inputs(8)
    whole = run_unet(unet, inputs)
    one = 8 * 8 * 8 * 32  # elements that one frame makes: pixels x gate and width x channels
    assert feed_forward_in_pieces(unet, 8, 8, 8, 1, 3 * one) == 2  # the largest divisor of 8 that fits
    torch.testing.assert_close(run_unet(unet, inputs), whole, atol=1e-6, rtol=0)
    assert feed_forward_in_pieces(unet, 8, 8, 8, 1, MAX_ELEMENTS) == 8
    assert torch.equal(run_unet(unet, inputs), whole)


def test_the_largest_tensor_of_svd_xt_at_full_size() -> None:
    """128 frames of 1024x1024: the last level takes 960 channels, 4.0e9 elements for two branches."""
    assert largest_tensor(full(), 128, 128, 128, 1) == 960 * 128 * 128 * 128
    assert largest_tensor(full(), 128, 128, 128, 2) > MAX_ELEMENTS


def test_what_the_kernels_cannot_index_is_refused_with_what_would_do() -> None:
    check_tensors(full(), 128, 128, 128)
    check_tensors(full(), 128, 64, 64, 2)
    with pytest.raises(UsageError) as caught:
        check_tensors(full(), 128, 128, 128, 2, fewer="unset HARNESS_BATCHED")
    assert caught.value.code == "E-SETTINGS"
    assert caught.value.fix == "unset HARNESS_BATCHED"
    with pytest.raises(UsageError) as larger:
        check_tensors(full(), 256, 128, 128, fewer="unset HARNESS_BATCHED")
    assert "fewer frames, or smaller ones" in larger.value.fix


def test_a_kernel_that_makes_all_attention_weights_is_refused_where_they_are_too_many() -> None:
    """128 frames of 512x512: five heads, each pixel of 64x64 with each other one."""
    assert attention_matrix(full(), 128, 64, 64, 1) == 128 * 5 * 4096 * 4096
    check_tensors(full(), 128, 64, 64, attention="flash")
    check_tensors(full(), 16, 64, 64, attention="math")
    with pytest.raises(UsageError) as caught:
        check_tensors(full(), 128, 64, 64, attention="math")
    assert "10,737,418,240 elements" in caught.value.why
    assert caught.value.fix == "unset HARNESS_ATTENTION"


def test_an_unknown_attention_kernel_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Execution(attention="sage")  # type: ignore[arg-type]
    assert caught.value.code == "E-SETTINGS"
    assert "HARNESS_ATTENTION=auto" in caught.value.fix


def flash_enabled() -> bool:
    return bool(torch.backends.cuda.flash_sdp_enabled())  # type: ignore[no-untyped-call]


def test_the_kernel_is_restricted_only_for_the_body() -> None:
    q = torch.randn(1, 1, 4, 8)
    plain = nn.functional.scaled_dot_product_attention(q, q, q)
    with attention_kernel("math"):
        assert not flash_enabled()
        torch.testing.assert_close(nn.functional.scaled_dot_product_attention(q, q, q), plain)
    assert flash_enabled()


def test_the_decode_chunk_is_no_free_choice_with_svds_decoder(svd_base: Path, base: Components) -> None:
    """SVD's decoder convolves over the frames of a chunk, so that its size is part of the arithmetic; the tiny
    autoencoder takes every frame alone."""
    svd, latents = load_base(svd_base), draw(6, 4, 8, 8)
    with torch.no_grad():
        assert (svd.vae.decode(latents, 6) - svd.vae.decode(latents, 3)).abs().max() > 1e-3
        torch.testing.assert_close(base.vae.decode(latents, 6), base.vae.decode(latents, 3), atol=1e-5, rtol=0)


def test_tiles_cover_every_pixel_and_a_small_frame_is_decoded_whole(base: Components) -> None:
    latents = draw(2, 4, 8, 8)
    with torch.no_grad():
        assert torch.equal(decode_tiled(base.vae, latents, 2, 8), base.vae.decode(latents, 2))
        constant = torch.zeros(1, 4, 20, 12)
        tiled, whole = decode_tiled(base.vae, constant, 1, 8), base.vae.decode(constant, 1)
    assert tiled.shape == whole.shape
    inside = (..., slice(4, -4), slice(4, -4))
    assert (tiled - whole).abs()[inside].mean() < 0.1 * whole.abs().mean() + 1e-3


def test_squares_of_a_decoder_that_sees_single_pixels_leave_no_seam() -> None:
    """Where nothing depends on a square's surroundings, blending gives back exactly what the whole frame is."""

    class Enlarging:
        stride = 2

        def decode(self, latents: torch.Tensor, chunk: int) -> torch.Tensor:
            return latents[:, :3].repeat_interleave(2, 2).repeat_interleave(2, 3)

    vae: Any = Enlarging()
    for height, width in ((20, 12), (8, 19), (16, 16)):
        latents = draw(2, 4, height, width)
        torch.testing.assert_close(decode_tiled(vae, latents, 2, 8), vae.decode(latents, 2), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("length", "tile"), [(8, 8), (9, 8), (20, 8), (64, 16), (7, 8)])
def test_squares_reach_from_end_to_end_without_gaps(length: int, tile: int) -> None:
    begins = starts(length, tile)
    assert begins[0] == 0
    assert max(begins[-1] + tile, length) == max(length, tile)
    assert all(b - a <= tile // 2 for a, b in pairwise(begins))
    assert float(ramp(tile).min()) > 0


def test_a_fast_decoder_decodes_and_the_base_still_encodes(svd_base: Path, tiny_base: Path) -> None:
    fast = load_base(svd_base, fast_decoder=tiny_base / "vae")
    plain = load_base(svd_base)
    assert fast.decoder.is_tiny
    assert not fast.vae.is_tiny
    assert plain.decoder is plain.vae
    assert fast.latent_shape(6, SIZE, SIZE) == plain.latent_shape(6, SIZE, SIZE)
    one, other = make(fast, Execution()), make(plain, Execution())
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
