"""Target only: the 26 labelled real images alone.

    python -m experiments.train configs/joint/target_only.py

As many steps as every row of the table.
"""

import dataclasses

from configs.joint.common import FEW, SOURCE, baseline
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return dataclasses.replace(baseline("joint-target-only", {"source": SOURCE}), data=FEW, target=None)
