"""Target only: the 26 labelled real images alone.

    python -m experiments.train configs/joint/target_only.py

As many steps as every row of the table.

Measured: 46.1 ± 0.6 % mIoU on streets-real/test, 3 seeds, 1.0 minutes a run (median) on 1 x cpu (metapix.table1).
"""

import dataclasses

from configs.joint.common import SOURCE, STREETS, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return dataclasses.replace(
        baseline("target-only", {"source": SOURCE}, on=on), data=on.target, target=None
    )
