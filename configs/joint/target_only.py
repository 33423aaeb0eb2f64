"""Target only: the 26 labelled real images alone.

    python -m experiments.train configs/joint/target_only.py

As many steps as every row of the table.
"""

import dataclasses

from configs.joint.common import SOURCE, STREETS, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return dataclasses.replace(
        baseline("target-only", {"source": SOURCE}, on=on), data=on.target, target=None
    )
