"""exvideo-bench: an evaluation harness and leaderboard for post-tuned ExVideo configurations."""

__version__ = "0.1.0"
