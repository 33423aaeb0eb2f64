"""Source only: the lower bound of the tables."""
