"""The continuous noise schedule of EDM, as SVD and ExVideo use it.

With clean latents x0 of about unit variance, noise e and level s (sigma): the state is x = x0 + s e, the network sees
z = x / sqrt(s^2 + 1) and the timestep 0.25 ln s, and predicts v = (e - s x0) / sqrt(s^2 + 1).
(Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models", arXiv 2206.00364.)

Sampling itself is left to diffusers' `EulerDiscreteScheduler`; the functions here are what training needs, and the
grids that it cannot make.
"""

from __future__ import annotations

import warnings

import torch
from diffusers import EulerDiscreteScheduler
from torch import Tensor

RHO = 7.0
SIGMA_MIN, SIGMA_MAX = 0.002, 700.0  # SVD's range, and ExVideo's training range


def euler_scheduler(sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX) -> EulerDiscreteScheduler:
    """The sampler whose grid, network input and steps are those of SVD and of ExVideo."""
    return EulerDiscreteScheduler(
        prediction_type="v_prediction",
        use_karras_sigmas=True,
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        timestep_type="continuous",
        timestep_spacing="leading",
        steps_offset=1,
        interpolation_type="linear",
    )


def set_steps(scheduler: EulerDiscreteScheduler, steps: int, device: str | torch.device = "cpu") -> None:
    """Prepare ``scheduler`` for ``steps`` steps."""
    with warnings.catch_warnings():
        # NumPy 2 deprecates how diffusers turns a tensor into an array; the result is the same.
        warnings.filterwarnings("ignore", message="__array__ implementation", category=DeprecationWarning)
        scheduler.set_timesteps(steps, device=device)


def karras_sigmas(
    steps: int, *, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX, strength: float = 1.0
) -> Tensor:
    """Noise levels from high to low, float32 [steps] (EDM equation 5).

    ``strength`` below 1 starts further down the ramp with as many steps, for refining an existing video.

    Raises:
        ValueError: no steps, or a strength outside (0, 1].
    """
    if steps < 1 or not 0 < strength <= 1:
        raise ValueError(f"needs steps >= 1 and 0 < strength <= 1, got {steps} and {strength}")
    ramp = torch.linspace(1 - strength, 1, steps)
    high, low = sigma_max ** (1 / RHO), sigma_min ** (1 / RHO)
    return torch.pow(high + ramp * (low - high), RHO)


def timestep_of(sigma: Tensor) -> Tensor:
    """What the network is told about the noise level: 0.25 ln sigma."""
    return 0.25 * sigma.log()


def network_input(state: Tensor, sigma: Tensor) -> Tensor:
    """The state scaled to unit variance, z = x / sqrt(s^2 + 1). ``sigma`` broadcasts against ``state``."""
    return state / (sigma**2 + 1).sqrt()


def velocity(clean: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """The training target v = (e - s x0) / sqrt(s^2 + 1)."""
    return (noise - sigma * clean) / (sigma**2 + 1).sqrt()


def clean_estimate(prediction: Tensor, state: Tensor, sigma: Tensor) -> Tensor:
    """The clean latents that a v-prediction implies: x / (s^2 + 1) - s v / sqrt(s^2 + 1)."""
    return state / (sigma**2 + 1) - prediction * sigma / (sigma**2 + 1).sqrt()


def exvideo_weight(sigma: Tensor) -> Tensor:
    """ExVideo's weight of the squared error of the clean estimate: sqrt(1 + s^2) / s.

    In terms of v this is s / sqrt(1 + s^2), so low noise counts less than with EDM's constant 1.
    """
    return (1 + sigma**2).sqrt() / sigma
