"""Measured speed: every figure is a ratio, or stands beside one, of things timed in turn in the same run."""
