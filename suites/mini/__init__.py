"""The mini suite and the procedural world that it shows."""
