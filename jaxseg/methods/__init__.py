"""Training methods: one algorithm a file, each a pair of pure functions that the one trainer runs."""

from jaxseg.methods._class_mix import class_mask
from jaxseg.methods._game import LSD_WEIGHTS, GameWeights
from jaxseg.methods.adversarial import AdversarialMethod, Level, self_information
from jaxseg.methods.conservative_gan import ConservativeGAN
from jaxseg.methods.dann import DANN, reverse_gradient
from jaxseg.methods.groups import Groups
from jaxseg.methods.guided import Guided, guidance
from jaxseg.methods.hyper import HyperMethod, hypergradient, numbers, with_numbers
from jaxseg.methods.labelling import Labelling
from jaxseg.methods.mean_teacher import MeanTeacher
from jaxseg.methods.metapix import MetaPix
from jaxseg.methods.method import Batch, Draws, Method, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, Term, WarmStart
from jaxseg.methods.optimizer import SGD, Adam, Constant, Inverse, Optimizer, Poly, Schedule, Stairs
from jaxseg.methods.reweight import Reweight
from jaxseg.methods.self_training import Portions, SelfTraining

__all__ = [
    "DANN",
    "LSD_WEIGHTS",
    "SGD",
    "Adam",
    "AdversarialMethod",
    "Batch",
    "ConservativeGAN",
    "Constant",
    "Draws",
    "GameWeights",
    "Groups",
    "Guided",
    "HyperMethod",
    "Inverse",
    "Labelling",
    "Level",
    "MeanTeacher",
    "MetaPix",
    "Method",
    "Metrics",
    "ObjectiveMethod",
    "Optimizer",
    "Phase",
    "Poly",
    "Portions",
    "Reweight",
    "Schedule",
    "SelfTraining",
    "Stairs",
    "State",
    "Summand",
    "Term",
    "WarmStart",
    "class_mask",
    "guidance",
    "hypergradient",
    "numbers",
    "reverse_gradient",
    "self_information",
    "with_numbers",
]
