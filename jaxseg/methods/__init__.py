"""Training methods: one algorithm a file, each a pair of pure functions that the one trainer runs."""

from jaxseg.methods.groups import Groups
from jaxseg.methods.method import Batch, Method, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Term, WarmStart
from jaxseg.methods.optimizer import SGD, Adam, Constant, Optimizer, Poly, Schedule

__all__ = [
    "SGD",
    "Adam",
    "Batch",
    "Constant",
    "Groups",
    "Method",
    "Metrics",
    "ObjectiveMethod",
    "Optimizer",
    "Phase",
    "Poly",
    "Schedule",
    "State",
    "Term",
    "WarmStart",
]
