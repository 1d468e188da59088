"""The items of mini@1 with two seeds each."""
