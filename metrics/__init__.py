"""The built-in metrics and feature networks: one file each, found by scanning this package."""
