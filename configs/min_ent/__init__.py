"""Recipes of entropy minimisation."""
