"""Figures of the papers: what an item draws and computes beside the scores of its rows.

Each is called as `figure(runs, place)`, see `experiments.reproduce.items.item`; it imports what it needs when called.
"""
