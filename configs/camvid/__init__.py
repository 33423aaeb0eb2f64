"""Experiments on CamVid."""
