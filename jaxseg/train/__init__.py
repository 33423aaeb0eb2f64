"""The one trainer: experiments, meshes, the loop, checkpoints, evaluation."""

from jaxseg.train._check import check
from jaxseg.train._endings import Diverged, Stopped
from jaxseg.train._scores import Member
from jaxseg.train._variables import state_of, variables_of
from jaxseg.train.arguments import load_config, with_arguments
from jaxseg.train.evaluation import Picture, Score, classify, evaluate, evaluate_ensemble, predict
from jaxseg.train.experiment import EvaluationProtocol, Experiment
from jaxseg.train.mesh import MeshShape
from jaxseg.train.run import RunFolder
from jaxseg.train.sweep import Sweep, train_sweep
from jaxseg.train.trainer import train

__all__ = [
    "Diverged",
    "EvaluationProtocol",
    "Experiment",
    "Member",
    "MeshShape",
    "Picture",
    "RunFolder",
    "Score",
    "Stopped",
    "Sweep",
    "check",
    "classify",
    "evaluate",
    "evaluate_ensemble",
    "load_config",
    "predict",
    "state_of",
    "train",
    "train_sweep",
    "variables_of",
    "with_arguments",
]
