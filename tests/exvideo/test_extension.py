"""The extended block against the reference, and what a fresh extension must leave unchanged."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
import torch
from diffusers import UNetSpatioTemporalConditionModel
from torch import Tensor

from harness.errors import UsageError
from harness.exvideo.extension import ExtendedTransformer, ExtensionConfig, extend, extend_block
from tests.exvideo.helpers import block_state, fixture_tensors, reference_block, run_unet, tiny_unet, unet_inputs


def mini(num_frames: int = 20, **rest: Any) -> ExtensionConfig:
    return ExtensionConfig.of_native(8, num_frames=num_frames, **rest)


def as_tokens(frames: Tensor) -> Tensor:
    return frames.flatten(2).transpose(1, 2)


@torch.no_grad()
def branch(block: ExtendedTransformer, frames: Tensor, context: Tensor) -> Tensor:
    """The temporal branch on frames [T, C, H, W] of one clip, in the same layout."""
    num_frames, channels, height, width = frames.shape
    out = block.temporal_branch(as_tokens(frames), context[:, None], (num_frames, height, width))
    return out.transpose(1, 2).reshape(num_frames, channels, height, width)


def loaded_block(name: str, config: ExtensionConfig) -> tuple[ExtendedTransformer, dict[str, Tensor]]:
    tensors = fixture_tensors(name)
    block = extend_block(reference_block(), config)
    state = block_state(tensors)
    result = block.load_state_dict(state, strict=False)
    assert result.unexpected_keys == []
    prefixes = ("time_pos_embed", "temporal_", "time_proj")
    assert not [key for key in result.missing_keys if key.startswith(prefixes)]
    return block, tensors


def test_the_extended_block_matches_the_reference() -> None:
    block, t = loaded_block("temporal_block_full", ExtensionConfig("identity", "learn_reflect", 9))
    torch.testing.assert_close(
        branch(block, t["input.hidden_states"], t["input.context"]), t["output"], atol=1e-4, rtol=0
    )


def test_fewer_frames_than_rows_use_the_first_rows() -> None:
    block, t = loaded_block("temporal_block_full", ExtensionConfig("identity", "learn_reflect", 9))
    result = branch(block, t["input.hidden_states"][:6], t["input.context"])
    torch.testing.assert_close(result, t["output_first6"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("suffix", ["", "_30"])
def test_the_stock_block_matches_the_reference_beyond_the_native_length(suffix: str) -> None:
    block, t = loaded_block("temporal_block_no_conv", ExtensionConfig("none", "sin", 30))
    result = branch(block, t[f"input.hidden_states{suffix}"], t["input.context"])
    torch.testing.assert_close(result, t[f"output{suffix}"], atol=1e-4, rtol=0)


@cache
def stock(num_frames: int) -> Tensor:
    """What the UNet makes of two clips as it is."""
    return run_unet(tiny_unet(), unet_inputs(num_frames, batch=2))


@pytest.mark.parametrize("conv", ["none", "identity"])
@pytest.mark.parametrize("positions", ["sin", "reflect", "learn_reflect", "learn_sin"])
@pytest.mark.parametrize("num_frames", [5, 8])
def test_within_the_native_length_a_fresh_extension_changes_nothing(conv: str, positions: str, num_frames: int) -> None:
    inputs = unet_inputs(num_frames, batch=2)
    result = run_unet(extend(tiny_unet(), mini(conv=conv, positions=positions)), inputs)
    assert torch.equal(result, stock(num_frames))


def test_beyond_the_native_length_it_equals_static_reflected_ids_and_not_plain_frame_numbers() -> None:
    inputs = unet_inputs(20)
    fresh = run_unet(extend(tiny_unet(), mini()), inputs)
    static = run_unet(extend(tiny_unet(), mini(conv="none", positions="reflect")), inputs)
    direct = run_unet(tiny_unet(), inputs)
    torch.testing.assert_close(fresh, static, atol=2e-6, rtol=0)
    assert (fresh - direct).abs().max() > 1e-3


def test_a_fresh_identity_convolution_equals_none() -> None:
    inputs = unet_inputs(20)
    with_conv = run_unet(extend(tiny_unet(), mini(positions="learn_rand", seed=3)), inputs)
    without = run_unet(extend(tiny_unet(), mini(conv="none", positions="learn_rand", seed=3)), inputs)
    torch.testing.assert_close(with_conv, without, atol=2e-6, rtol=0)


def test_two_clips_in_a_batch_equal_two_runs() -> None:
    unet = perturbed(extend(tiny_unet(), mini()))
    inputs = unet_inputs(12, batch=2)
    both = run_unet(unet, inputs)
    for index in range(2):
        one = {k: v[index : index + 1] if v.ndim else v for k, v in inputs.items()}
        torch.testing.assert_close(both[index : index + 1], run_unet(unet, one), atol=1e-5, rtol=0)


def perturbed(unet: UNetSpatioTemporalConditionModel) -> UNetSpatioTemporalConditionModel:
    """Move the extension away from its neutral start, so that mixed-up axes or clips show."""
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "temporal_conv" in name or "time_proj" in name:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=rng))
    return unet


def test_the_convolution_sees_neighbours_in_time_and_space_in_that_axis_order() -> None:
    block = extend_block(reference_block(), ExtensionConfig("identity", "sin", 4))
    conv = block.temporal_conv
    assert conv is not None
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[:, :, 0, 1, 1] = torch.eye(32)  # the previous frame
    x = torch.randn(1, 32, 4, 3, 5)
    assert torch.equal(conv(x)[:, :, 1:], x[:, :, :-1])
    assert torch.equal(conv(x)[:, :, 0], x[:, :, 1])  # reflected, not repeated and not zero


def test_parameters_keep_diffusers_names() -> None:
    stock = tiny_unet().state_dict().keys()
    extended = extend(tiny_unet(), mini()).state_dict().keys()
    new = set(extended) - set(stock)
    assert set(stock) < set(extended)
    assert {name.split(".attentions.0.")[-1].split(".attentions.1.")[-1] for name in new} == {
        "time_proj.weight",
        "temporal_conv.weight",
        "temporal_conv.bias",
    }
    assert extend(tiny_unet(), mini(conv="none", positions="reflect")).state_dict().keys() == stock


def test_checkpointing_gives_the_same_gradients_and_covers_the_convolution() -> None:
    unet = perturbed(extend(tiny_unet(), mini())).train()
    plain, plain_saved = gradients(unet)
    unet.enable_gradient_checkpointing()
    saved, checkpointed_saved = gradients(unet)
    assert plain.keys() == saved.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(gradient, saved[name], atol=1e-5, rtol=1e-4)
    assert checkpointed_saved < 0.5 * plain_saved


def gradients(unet: UNetSpatioTemporalConditionModel) -> tuple[dict[str, Tensor], int]:
    """Gradients by name, and the number of activation values kept for the backward pass."""
    parameters = {p.data_ptr() for p in unet.parameters()}
    kept = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += 0 if tensor.data_ptr() in parameters else tensor.numel()
        return tensor

    unet.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = unet(**unet_inputs(8)).sample.square().mean()
    loss.backward()
    return {n: p.grad.clone() for n, p in unet.named_parameters() if p.grad is not None}, kept


def test_an_extended_unet_can_be_copied() -> None:
    unet = perturbed(extend(tiny_unet(), mini()))
    inputs = unet_inputs(9)
    assert torch.equal(run_unet(copy.deepcopy(unet), inputs), run_unet(unet, inputs))


def test_half_precision_parameters_stay_half() -> None:
    unet = extend(tiny_unet().to(torch.bfloat16), mini())
    assert {p.dtype for p in unet.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("frames", "size", "conv", "code"),
    [(21, 8, "none", "E-FRAMES"), (1, 8, "identity", "E-FRAMES"), (4, 2, "identity", "E-SIZE")],
)
def test_clips_that_cannot_be_taken_are_named(frames: int, size: int, conv: str, code: str) -> None:
    unet = extend(tiny_unet(), mini(conv=conv))
    with pytest.raises(UsageError) as caught:
        run_unet(unet, unet_inputs(frames, size=size))
    assert caught.value.code == code
    assert caught.value.fix


@pytest.mark.parametrize(("frames", "size"), [(300, 8), (1, 8), (4, 2)])
def test_fixed_positions_without_convolution_have_no_limits(frames: int, size: int) -> None:
    unet = extend(tiny_unet(), mini(conv="none", positions="reflect"))
    assert run_unet(unet, unet_inputs(frames, size=size)).shape == (1, frames, 4, size, size)


@pytest.mark.parametrize(
    "config",
    [
        {"conv": "zeros", "positions": "sin", "num_frames": 40},
        {"conv": "none", "positions": "rope", "num_frames": 40},
        {"conv": "none", "positions": "sin", "num_frames": 0},
        {"conv": "none", "positions": "sin", "num_frames": 40, "max_id": 8, "repeat_length": 8},
    ],
)
def test_configurations_that_cannot_be_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="cannot be built"):
        ExtensionConfig(**config)


def test_extending_twice_is_refused() -> None:
    unet = extend(tiny_unet(), mini())
    with pytest.raises(UsageError) as caught:
        extend(unet, mini())
    assert "already extended" in caught.value.why


def test_native_lengths_give_the_published_proportions() -> None:
    svd, small = (ExtensionConfig.of_native(n, num_frames=40) for n in (25, 8))
    assert (svd.max_id, svd.repeat_length) == (25, 20)
    assert (small.max_id, small.repeat_length) == (8, 6)
