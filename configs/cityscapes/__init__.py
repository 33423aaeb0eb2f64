"""Experiments on Cityscapes."""
