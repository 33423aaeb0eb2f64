"""Recipes of the mean teacher on mixed images."""
