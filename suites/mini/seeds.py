"""Who may see which scene of the world. The ranges are disjoint; `suite.toml` repeats those it uses."""

TRAIN_SEEDS = range(1_000_000, 2_000_000)
VALIDATION_SEEDS = range(2_000_000, 2_100_000)
REFERENCE_SEEDS = range(3_000_000, 3_100_000)
SUITE_SEEDS = range(4_000_000, 4_100_000)
CALIBRATION_SEEDS = range(5_000_000, 5_100_000)
CALIBRATION_REFERENCE_SEEDS = range(6_000_000, 6_100_000)
