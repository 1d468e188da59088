"""The model: ExVideo's temporal extension of Stable Video Diffusion, its sampling and its post-tuning."""
