"""Recipes of Fourier domain adaptation."""
