"""Training methods: one algorithm a file, each a pair of pure functions that the one trainer runs."""

from jaxseg.methods._class_mix import class_mask
from jaxseg.methods.adversarial import AdversarialMethod, Level, self_information
from jaxseg.methods.dann import DANN, reverse_gradient
from jaxseg.methods.groups import Groups
from jaxseg.methods.guided import Guided, guidance
from jaxseg.methods.labelling import Labelling
from jaxseg.methods.mean_teacher import MeanTeacher
from jaxseg.methods.method import Batch, Method, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, Term, WarmStart
from jaxseg.methods.optimizer import SGD, Adam, Constant, Inverse, Optimizer, Poly, Schedule
from jaxseg.methods.self_training import Portions, SelfTraining

__all__ = [
    "DANN",
    "SGD",
    "Adam",
    "AdversarialMethod",
    "Batch",
    "Constant",
    "Groups",
    "Guided",
    "Inverse",
    "Labelling",
    "Level",
    "MeanTeacher",
    "Method",
    "Metrics",
    "ObjectiveMethod",
    "Optimizer",
    "Phase",
    "Poly",
    "Portions",
    "Schedule",
    "SelfTraining",
    "State",
    "Summand",
    "Term",
    "WarmStart",
    "class_mask",
    "guidance",
    "reverse_gradient",
    "self_information",
]
