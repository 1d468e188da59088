"""Clips whose motion is known exactly, so that a metric's formula can be tested apart from flow estimation."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.clip import Clip
from harness.flow import FlowFields, FlowSource, pair_starts
from harness.model import Frames
from harness.occlusion import comparable, inside
from harness.suites.mini import world

Field = NDArray[np.float64]


def texture(height: int, width: int, seed: int = 0, contrast: float = 25.0, grain: float = 2.0) -> Frames:
    """A smooth random image around mid-grey, uint8 [H, W, 3]."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), grain)
    return np.asarray(np.clip(128 + contrast * smooth / smooth.std(), 0, 255).round(), np.uint8)


def pan_frames(step: int, num_frames: int, size: int = 64, seed: int = 0) -> Frames:
    """A window that slides over a texture by ``step`` whole pixels a frame: content moves by (step, 0)."""
    canvas = texture(size, size + step * (num_frames - 1), seed)
    last = step * (num_frames - 1)
    return np.stack([canvas[:, last - step * t : last - step * t + size] for t in range(num_frames)])


def waves(x: Field, y: Field) -> Frames:
    """A closed-form texture at any coordinates, uint8 [..., 3]."""
    rng = np.random.default_rng(1)
    total = np.zeros((*x.shape, 3))
    for _ in range(12):
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(9, 40)
        phase = rng.uniform(0, 2 * np.pi, 3)
        carrier = 2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / length
        total += np.cos(carrier[..., None] + phase)
    return np.asarray((128 + 25 * total / np.sqrt(6)).clip(0, 255).round(), np.uint8)


def wave_pan(velocity: tuple[float, float], num_frames: int, size: int = 64) -> Frames:
    """Frames of ``waves`` that move by any velocity in pixels a frame."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    return np.stack([waves(x - velocity[0] * t, y - velocity[1] * t) for t in range(num_frames)])


def known_flow(
    num_frames: int, shape: tuple[int, int], field: Callable[[int, int], Field | tuple[float, float]]
) -> FlowSource:
    """A flow source from ``field(t, gap)``: a displacement, or one per pixel [h, w, 2]; valid where it stays inside."""

    def source(gap: int) -> FlowFields:
        starts = pair_starts(num_frames, gap)
        forward = np.zeros((len(starts), *shape, 2), np.float32)
        for index, start in enumerate(starts):
            forward[index] = field(int(start), gap)
        valid = np.array([inside(f) for f in forward], np.bool_).reshape(len(starts), *shape)
        return FlowFields(gap, starts, forward, valid)

    return source


def uniform_clip(frames: Frames, velocity: tuple[float, float], fps: float = 8) -> Clip:
    """A clip with the exact flow of a constant velocity."""
    source = known_flow(len(frames), frames.shape[1:3], lambda _, gap: (velocity[0] * gap, velocity[1] * gap))
    return Clip(frames, fps, flow=source)


def world_flow(scene: world.Scene, num_frames: int) -> FlowSource:
    """The exact flow of a scene of the world, masked by exact visibility and the rules that estimates are held to."""

    def source(gap: int) -> FlowFields:
        starts = pair_starts(num_frames, gap)
        forward, visible = world.flow_between(scene, starts.astype(np.float64), gap)
        backward, _ = world.flow_between(scene, starts + float(gap), -gap)
        valid = [comparable(there, back) for there, back in zip(forward, backward, strict=True)]
        return FlowFields(gap, starts, forward, visible & np.array(valid, np.bool_).reshape(visible.shape))

    return source


def exact_and_estimated(seed: int, num_frames: int) -> tuple[Clip, Clip]:
    """One clip of the world twice: with the flow that it was drawn with, and with the default backend's."""
    scene = world.sample_free_scene(seed)
    frames = world.render(scene, num_frames)
    return Clip(frames, world.FPS, flow=world_flow(scene, num_frames)), Clip(frames, world.FPS)


def flicker(frames: Frames, amplitude: int) -> Frames:
    """Alternating +-amplitude (of 255) on top; the frames must leave room for it."""
    sign = np.where(np.arange(len(frames)) % 2, -1, 1)[:, None, None, None]
    shifted = frames.astype(np.int16) + sign * amplitude
    assert shifted.min() >= 0
    assert shifted.max() <= 255
    return np.asarray(shifted, np.uint8)


def noise(frames: Frames, sigma: float, seed: int = 0) -> Frames:
    """Independent noise of SD ``sigma`` (of full scale) on every pixel."""
    values = frames + np.random.default_rng(seed).normal(0, 255 * sigma, frames.shape)
    return np.asarray(values.clip(0, 255).round(), np.uint8)


def still(num_frames: int, size: int = 64, seed: int = 0) -> Frames:
    """One texture held."""
    return np.repeat(texture(size, size, seed)[None], num_frames, axis=0)
