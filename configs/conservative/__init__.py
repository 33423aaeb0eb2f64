"""Recipes of the Conservative loss."""
