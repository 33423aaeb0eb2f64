"""Scaling on paper: what a training step costs on many chips, from compiled programs and a small model of time."""
