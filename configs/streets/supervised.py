"""What the supervised comparisons of losses on real streets share. All values are ours.

Data, network, crop and both optimisers are those of `configs/streets/common.py`; `oracle.py` is cross entropy. The
importance-aware and Wasserstein losses go on from a run of it, structural losses begin from random weights: see
`configs/camvid/common.py`.
"""

import dataclasses
from collections.abc import Mapping

from configs.streets.common import ADAPT, ADAPT_STEPS, NETWORK, PRETRAIN, PRETRAIN_STEPS, REAL, base
from jaxseg.methods import ObjectiveMethod, Optimizer, Summand, Term
from jaxseg.train import Experiment

LONGER = ("--steps", str(ADAPT_STEPS), "--optimizer.learning-rate", "0.001")
"""Options that make of `oracle.py` the control of the losses that go on from it."""


def trained(loss: str, objective: Mapping[str, Summand]) -> Experiment:
    """The network trained on labelled real streets from random weights."""
    return _experiment(loss, objective, PRETRAIN_STEPS, PRETRAIN)


def tuned(loss: str, term: Term) -> Experiment:
    """The network that goes on with another loss; give `--initialize` a run of `oracle.py`."""
    return _experiment(loss, {"source": term}, ADAPT_STEPS, ADAPT)


def _experiment(loss: str, objective: Mapping[str, Summand], steps: int, optimizer: Optimizer) -> Experiment:
    method = ObjectiveMethod(network=NETWORK, objective=objective, steps=steps, optimizer=optimizer)
    return dataclasses.replace(base(f"streets-real-{loss}"), data=REAL, target=None, method=method)
