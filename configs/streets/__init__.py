"""Experiments on the procedural street scenes."""
