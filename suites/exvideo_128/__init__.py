"""First frames for videos of 128 frames at 512x512, from pictures that may be redistributed."""
