"""Recipes of domain-adversarial training."""
