"""Recipes of self-training in rounds: CBST, CRST, and Wasserstein losses on CRST's labels."""
