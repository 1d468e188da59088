"""An example plugin of exvideo-bench: see `variant` and `metric`."""
