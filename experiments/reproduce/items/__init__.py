"""The tables, a module a paper."""

from experiments.reproduce.items import conservative, maxsquare, wasserstein
from experiments.reproduce.items.item import Item

__all__ = ["ITEMS", "Item"]

ITEMS = (*wasserstein.ITEMS, *conservative.ITEMS, *maxsquare.ITEMS)
