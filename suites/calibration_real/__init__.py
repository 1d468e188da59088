"""Two real clips that may be redistributed, for graded faults in natural and rendered footage."""
