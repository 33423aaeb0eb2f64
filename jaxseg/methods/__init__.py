"""Training methods: one algorithm a file, each a pair of pure functions that the one trainer runs."""

from jaxseg.methods._class_mix import class_mask
from jaxseg.methods._game import LSD_WEIGHTS, GameWeights
from jaxseg.methods._weighted import Weighted
from jaxseg.methods.adversarial import AdversarialMethod, Level, self_information
from jaxseg.methods.confidence_mask import ConfidenceMask
from jaxseg.methods.conservative_gan import ConservativeGAN
from jaxseg.methods.dann import DANN, reverse_gradient
from jaxseg.methods.groups import Groups
from jaxseg.methods.guided import Guided, guidance
from jaxseg.methods.hr_select import HRSelect, Reconstruction
from jaxseg.methods.hyper import HyperMethod, hypergradient, numbers, with_numbers
from jaxseg.methods.label_adversary import LabelAdversary, label_map
from jaxseg.methods.labelling import Labelling
from jaxseg.methods.mean_teacher import MeanTeacher
from jaxseg.methods.metapix import MetaPix
from jaxseg.methods.method import Batch, Draws, Method, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, Term, WarmStart
from jaxseg.methods.one_of import OneOf
from jaxseg.methods.optimizer import SGD, Adam, Constant, Inverse, Optimizer, Poly, Schedule, Stairs
from jaxseg.methods.pixel_da import PixelDA, PixelDAWeights
from jaxseg.methods.reweight import Reweight
from jaxseg.methods.self_training import Portions, SelfTraining

__all__ = [
    "DANN",
    "LSD_WEIGHTS",
    "SGD",
    "Adam",
    "AdversarialMethod",
    "Batch",
    "ConfidenceMask",
    "ConservativeGAN",
    "Constant",
    "Draws",
    "GameWeights",
    "Groups",
    "Guided",
    "HRSelect",
    "HyperMethod",
    "Inverse",
    "LabelAdversary",
    "Labelling",
    "Level",
    "MeanTeacher",
    "MetaPix",
    "Method",
    "Metrics",
    "ObjectiveMethod",
    "OneOf",
    "Optimizer",
    "Phase",
    "PixelDA",
    "PixelDAWeights",
    "Poly",
    "Portions",
    "Reconstruction",
    "Reweight",
    "Schedule",
    "SelfTraining",
    "Stairs",
    "State",
    "Summand",
    "Term",
    "WarmStart",
    "Weighted",
    "class_mask",
    "guidance",
    "hypergradient",
    "label_map",
    "numbers",
    "reverse_gradient",
    "self_information",
    "with_numbers",
]
