"""The schedule and its algebra against the reference's numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.exvideo.scheduler import (
    clean_estimate,
    euler_scheduler,
    exvideo_weight,
    karras_sigmas,
    network_input,
    set_steps,
    timestep_of,
    velocity,
)
from tests.exvideo.helpers import fixture_json

REFERENCE = fixture_json("scheduler")
GRIDS: dict[str, Any] = REFERENCE["grids"]


def f64(value: object) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("name", GRIDS)
def test_the_grids_match_the_reference(name: str) -> None:
    grid = GRIDS[name]
    sigmas = karras_sigmas(grid["num_inference_steps"], strength=grid["denoising_strength"])
    torch.testing.assert_close(sigmas, torch.tensor(grid["sigmas"]), rtol=2e-5, atol=0)
    torch.testing.assert_close(timestep_of(sigmas), torch.tensor(grid["timesteps"]), rtol=0, atol=5e-6)


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_the_sampler_walks_the_same_grid(steps: int) -> None:
    grid = GRIDS[f"steps{steps}_strength1.0"]
    scheduler = euler_scheduler()
    set_steps(scheduler, steps)
    torch.testing.assert_close(scheduler.sigmas[:-1], torch.tensor(grid["sigmas"]), rtol=1e-5, atol=0)
    torch.testing.assert_close(scheduler.timesteps, torch.tensor(grid["timesteps"]), rtol=0, atol=5e-6)
    assert scheduler.sigmas[-1] == 0


@pytest.mark.parametrize("case", REFERENCE["scalars"], ids=lambda c: f"{c['num_inference_steps']}-{c['index']}")
def test_scalar_formulas_match_the_reference(case: dict[str, float]) -> None:
    sigma, clean, noise, output = (f64(case[k]) for k in ("sigma", "clean", "noise", "model_output"))
    state = clean + sigma * noise
    assert network_input(state, sigma).item() == pytest.approx(case["add_noise"], abs=1e-5)
    assert velocity(clean, noise, sigma).item() == pytest.approx(case["training_target"], abs=1e-4)
    assert exvideo_weight(sigma).item() == pytest.approx(case["training_weight"], rel=1e-5)
    # The reference steps from its noised state with the given output, so the estimate uses that same state.
    estimate = clean_estimate(output, state, sigma).item()
    assert estimate == pytest.approx(case["step_to_final"], abs=2e-4)
    recovered = clean_estimate(velocity(clean, noise, sigma), state, sigma).item()
    assert recovered == pytest.approx(case["x0_from_training_target"], abs=1e-6)


@pytest.mark.parametrize("rollout", REFERENCE["rollouts"], ids=lambda r: str(r["num_inference_steps"]))
def test_whole_rollouts_match_the_reference(rollout: dict[str, Any]) -> None:
    scheduler = euler_scheduler()
    set_steps(scheduler, rollout["num_inference_steps"])
    a, b = map(float, re.findall(r"v = (\S+)\*z - (\S+)\*t", rollout["model"])[0])
    states = rollout["states"]
    x = torch.tensor(states[0]) * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps):
        z = scheduler.scale_model_input(x, timestep)
        torch.testing.assert_close(z, torch.tensor(states[index]), rtol=0, atol=1e-4)
        x = scheduler.step(a * z - b * timestep, timestep, x).prev_sample
    torch.testing.assert_close(x, torch.tensor(states[-1]), rtol=0, atol=1e-4)


def test_the_training_grid_matches_the_reference() -> None:
    reference = REFERENCE["training"]
    sigmas = karras_sigmas(reference["num_inference_steps"])[reference["index"]]
    torch.testing.assert_close(sigmas, torch.tensor(reference["sigma"]), rtol=2e-5, atol=0)
    torch.testing.assert_close(exvideo_weight(sigmas), torch.tensor(reference["weight"]), rtol=2e-5, atol=0)


@given(st.floats(1e-3, 700), st.floats(-3, 3), st.floats(-3, 3))
def test_the_clean_estimate_inverts_the_velocity(sigma: float, clean: float, noise: float) -> None:
    s, x0, e = f64(sigma), f64(clean), f64(noise)
    assert clean_estimate(velocity(x0, e, s), x0 + s * e, s).item() == pytest.approx(clean, abs=1e-9)


@given(st.floats(1e-3, 700), st.floats(-3, 3), st.floats(-3, 3))
def test_the_weight_in_terms_of_the_velocity(sigma: float, state: float, error: float) -> None:
    """An error of the velocity by d counts d^2 s / sqrt(1 + s^2)."""
    s = f64(sigma)
    estimates = (clean_estimate(f64(v), f64(state), s) for v in (0.0, error))
    difference = next(estimates) - next(estimates)
    weighted = exvideo_weight(s) * difference**2
    assert weighted.item() == pytest.approx(error**2 * (s / (1 + s**2).sqrt()).item(), abs=1e-9)


@pytest.mark.parametrize(("steps", "strength"), [(0, 1.0), (5, 0.0), (5, 1.1)])
def test_impossible_grids_are_refused(steps: int, strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        karras_sigmas(steps, strength=strength)
