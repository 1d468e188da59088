"""The draws of a step, the two losses, and the learning rate."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.exvideo.base import Components, load_base
from harness.exvideo.dataset import Latents
from harness.exvideo.objective import (
    Batch,
    clips_of_step,
    draw_sigma,
    exvideo_loss,
    held_out_batch,
    learning_rate,
    loss_per_clip,
    stream,
    training_batch,
)
from harness.exvideo.posttune_config import PosttuneConfig
from harness.exvideo.scheduler import clean_estimate, exvideo_weight, velocity
from harness.exvideo.training_data import published_factor, settled
from tests.exvideo.helpers import fixture_json


def config(**rest: Any) -> PosttuneConfig:
    return PosttuneConfig("base", Path("out"), 5, precision="full", **rest)


def clips(count: int = 7, num_frames: int = 5) -> Latents:
    rng = torch.Generator().manual_seed(0)
    return Latents(
        latents=torch.randn(count, num_frames, 4, 8, 8, generator=rng).half(),
        first=torch.randint(0, 256, (count, 16, 16, 3), generator=rng, dtype=torch.uint8),
        embedding=torch.randn(count, 24, generator=rng),
        fps=torch.full((count,), 10),
        bucket=torch.arange(count),
    )


@pytest.fixture
def components(tiny_base: Path) -> Components:
    return load_base(tiny_base)


def test_an_epoch_shows_every_clip_once_in_an_order_of_its_own() -> None:
    epochs = [[int(i) for step in range(1 + 3 * e, 4 + 3 * e) for i in clips_of_step(0, step, 2, 6)] for e in range(2)]
    assert all(Counter(epoch) == Counter(range(6)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert clips_of_step(1, 1, 6, 6).tolist() != clips_of_step(0, 1, 6, 6).tolist()


def test_batches_run_on_across_the_end_of_an_epoch() -> None:
    drawn = [int(i) for step in range(1, 6) for i in clips_of_step(0, step, 3, 5)]
    assert Counter(drawn) == Counter(dict.fromkeys(range(5), 3))


def test_a_step_sees_the_same_whatever_the_variant_and_another_with_another_seed(components: Components) -> None:
    data = clips()
    one = training_batch(config(conv="none", positions="sin", lr=1e-3), data, components, 4)
    two = training_batch(config(conv="identity", policy="new_only"), data, components, 4)
    other = training_batch(config(seed=1), data, components, 4)
    later = training_batch(config(), data, components, 5)
    for name, tensor in vars(one).items():
        assert torch.equal(tensor, getattr(two, name))
    for name in ("noise", "sigma"):
        assert not torch.equal(getattr(one, name), getattr(other, name))
        assert not torch.equal(getattr(one, name), getattr(later, name))


def test_the_loss_choice_changes_the_sigma_and_nothing_else(components: Components) -> None:
    edm, exvideo = (training_batch(config(loss=loss), clips(), components, 2) for loss in ("edm", "exvideo"))
    assert not torch.equal(edm.sigma, exvideo.sigma)
    for name in ("clean", "noise", "image", "embedding", "ids"):
        assert torch.equal(getattr(edm, name), getattr(exvideo, name))


def test_conditions_follow_svds_conventions(components: Components) -> None:
    data = clips()
    batch = training_batch(config(augmentation=None, dropout=0.0), data, components, 1)
    index = clips_of_step(0, 1, 2, 7)
    assert torch.equal(batch.clean, data.latents[index].float() * 0.7)
    assert batch.ids.tolist() == [[9.0, float(i), 0.0] for i in index]
    assert torch.equal(batch.embedding[:, 0], data.embedding[index])
    with torch.no_grad():
        pixels = data.first[index].permute(0, 3, 1, 2).float() / 127.5 - 1
        torch.testing.assert_close(batch.image, components.vae.encode(pixels))


def test_augmentation_tells_its_strength_and_dropout_drops_both_images(components: Components) -> None:
    batch = training_batch(config(augmentation=(-3.0, 0.5), dropout=0.999, batch=6), clips(), components, 1)
    assert (batch.ids[:, 2] > 0).all()
    assert batch.ids[:, 2].log().mean() == pytest.approx(-3.0, abs=1.0)
    assert batch.image.abs().max() == 0
    assert batch.embedding.abs().max() == 0


def test_a_factor_of_its_own_scales_the_clean_latents(components: Components) -> None:
    plain, scaled = (training_batch(config(latent_factor=f), clips(), components, 1) for f in (None, 1.4))
    torch.testing.assert_close(scaled.clean, 2 * plain.clean)
    assert torch.equal(scaled.image, plain.image)


def test_a_named_loss_is_the_whole_objective_with_the_scale_of_its_latents(components: Components) -> None:
    """The published script has 0.13025 where SVD's autoencoder has 0.18215; the corrected loss keeps the base's own."""
    assert published_factor(0.18215) == 0.13025
    factors = {
        (loss, given): settled(config(loss=loss, latent_factor=given), components).latent_factor
        for loss in ("edm", "exvideo")
        for given in (None, 0.5)
    }
    published = published_factor(components.vae.factor)
    assert factors == {("edm", None): None, ("edm", 0.5): 0.5, ("exvideo", None): published, ("exvideo", 0.5): 0.5}
    assert published / components.vae.factor == pytest.approx(0.715, abs=1e-3)


def test_held_out_noise_belongs_to_clip_and_sigma(components: Components) -> None:
    both = held_out_batch(config(), clips(), components, range(2), 3)
    alone = held_out_batch(config(seed=9, batch=1), clips(), components, range(1, 2), 3)
    assert torch.equal(both.noise[1], alone.noise[0])
    assert both.sigma.tolist() == [3.0, 3.0]
    assert not torch.equal(both.noise, held_out_batch(config(), clips(), components, range(2), 2).noise)


def test_sigmas_have_the_distribution_of_their_loss() -> None:
    logs = draw_sigma(config(p_mean=0.5, p_std=1.2), 20_000, stream("a")).log()
    assert logs.mean() == pytest.approx(0.5, abs=0.03)
    assert logs.std() == pytest.approx(1.2, abs=0.03)
    grid = draw_sigma(config(loss="exvideo"), 20_000, stream("b"))
    quantiles = torch.quantile(grid, torch.tensor([0.25, 0.5, 0.75]))
    assert quantiles.tolist() == pytest.approx([0.68, 15.6, 135], rel=0.1)


class Perfect:
    """Stands for a UNet that knows the answer."""

    def __init__(self, prediction: Tensor) -> None:
        self.prediction = prediction

    def __call__(self, *arguments: object, **options: object) -> tuple[Tensor]:
        return (self.prediction,)


def answered(prediction: Tensor) -> Any:
    return SimpleNamespace(unet=Perfect(prediction), device=torch.device("cpu"))


def batch_of(clean: Tensor, noise: Tensor, sigma: float) -> Batch:
    count = len(clean)
    image = torch.zeros(count, *clean.shape[2:])
    return Batch(clean, noise, torch.full((count,), sigma), image, torch.zeros(count, 1, 2), torch.zeros(count, 3))


def test_the_edm_loss_of_the_true_velocity_is_zero() -> None:
    clean, noise = torch.randn(2, 3, 4, 5, 5), torch.randn(2, 3, 4, 5, 5)
    truth = velocity(clean, noise, torch.tensor(2.0))
    losses = loss_per_clip(config(), answered(truth), batch_of(clean, noise, 2.0), "edm")
    torch.testing.assert_close(losses, torch.zeros(2), atol=1e-10, rtol=0)
    off = loss_per_clip(config(), answered(truth + 0.5), batch_of(clean, noise, 2.0), "edm")
    torch.testing.assert_close(off, torch.full((2,), 0.25))


def test_the_exvideo_loss_through_the_network_is_its_formula() -> None:
    clean, noise, guess = (torch.randn(2, 3, 4, 5, 5) for _ in range(3))
    sigma = torch.tensor(0.7)
    losses = loss_per_clip(config(), answered(guess), batch_of(clean, noise, 0.7), "exvideo")
    estimate = clean_estimate(guess, clean + sigma * noise, sigma)
    expected = exvideo_weight(sigma) * (estimate - 1.01 * clean).square().mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("case", fixture_json("scheduler")["training"]["loss_cases"], ids=lambda c: str(c["index"]))
def test_the_exvideo_loss_matches_the_reference(case: dict[str, Any]) -> None:
    reference = fixture_json("scheduler")["training"]
    sigma = torch.tensor(reference["sigma"][reference["index"].index(case["index"])], dtype=torch.float64)
    clean, noise, output = (torch.tensor(case[k], dtype=torch.float64) for k in ("clean", "noise", "model_output"))
    estimate = clean_estimate(output, clean + sigma * noise, sigma)
    torch.testing.assert_close(estimate, torch.tensor(case["estimate"], dtype=torch.float64), atol=1e-4, rtol=0)
    assert exvideo_loss(estimate, clean, sigma).mean().item() == pytest.approx(case["reweighted"], rel=1e-4, abs=1e-4)


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    cosine = config(steps=100, warmup=10, lr=2.0)
    rates = [learning_rate(cosine, step) for step in range(1, 101)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == max(rates)
    assert rates[50] == pytest.approx(1.0, abs=0.02)
    assert 0 < rates[99] < 0.002
    assert all(a > b for a, b in itertools.pairwise(rates[9:]))
    constant = dataclasses.replace(cosine, schedule="constant")
    assert learning_rate(constant, 5) == pytest.approx(1.0)
    assert {learning_rate(constant, step) for step in (10, 50, 100)} == {2.0}
    assert math.isclose(learning_rate(dataclasses.replace(constant, warmup=0), 1), 2.0)
