"""Recipes of AdaptSegNet."""
