"""The one trainer: experiments, meshes, the loop, checkpoints, evaluation."""

from jaxseg.train.evaluation import Picture, Score, classify, evaluate, predict
from jaxseg.train.experiment import EvaluationProtocol, Experiment
from jaxseg.train.mesh import MeshShape
from jaxseg.train.run import RunFolder, load_config, with_arguments
from jaxseg.train.trainer import Diverged, Stopped, check, train, variables_of

__all__ = [
    "Diverged",
    "EvaluationProtocol",
    "Experiment",
    "MeshShape",
    "Picture",
    "RunFolder",
    "Score",
    "Stopped",
    "check",
    "classify",
    "evaluate",
    "load_config",
    "predict",
    "train",
    "variables_of",
    "with_arguments",
]
