"""Experiments on a folder of one's own images."""
