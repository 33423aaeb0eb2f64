"""The tables and figures, a module a paper."""

from experiments.reproduce.items import conservative, grand, maxsquare, metapix, structural, wasserstein
from experiments.reproduce.items.item import Item

__all__ = ["ITEMS", "Item"]

ITEMS = (
    *wasserstein.ITEMS,
    *conservative.ITEMS,
    *metapix.ITEMS,
    *maxsquare.ITEMS,
    *structural.ITEMS,
    *grand.ITEMS,
)
