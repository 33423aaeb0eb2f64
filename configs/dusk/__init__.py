"""Experiments on CamVid from day to dusk."""
