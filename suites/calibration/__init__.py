"""The calibration suite: real clips of the procedural world that faults are put into."""
