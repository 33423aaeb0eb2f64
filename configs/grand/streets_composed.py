r"""The declared sweep for the best composition: cross entropy and a term of each of four papers, in or out.

    python -m experiments.sweep configs/grand/streets_composed.py \
        --grid objective.huber.weight=0,1 objective.conservative.weight=0,0.2 \
        objective.max_squares.weight=0,0.1 objective.ssl.weight=0,1
    python -m experiments.train configs/grand/streets_composed.py --objective.ssl.weight 1

Sixteen members with seed 0, one program, scored on val.
"""

import dataclasses
from typing import Any

from configs.grand.common import composed
from configs.streets.oracle import experiment as cross_entropy
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    base = cross_entropy()
    method: Any = base.method
    method = dataclasses.replace(method, objective=composed(base.data.labels))
    return dataclasses.replace(base, name="streets-composed", method=method)
