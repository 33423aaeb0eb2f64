"""Experiments from GTA5 to Cityscapes."""
