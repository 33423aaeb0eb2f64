"""Recipes of maximum squares."""
