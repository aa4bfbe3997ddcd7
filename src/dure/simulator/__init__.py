"""The twin: virtual clock, faults, replay and its checks."""
