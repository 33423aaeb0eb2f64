"""Recipes of AdvEnt."""
