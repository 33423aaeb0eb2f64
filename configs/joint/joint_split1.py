"""Direct joint training with block 1 of the encoder for each domain (S@1): the paper's Fig. 4.

    python -m experiments.train configs/joint/joint_split1.py
    python -m experiments.train configs/joint/joint_split1.py --network.module.split 3      # blocks 1 to 3

The own blocks of the two domains are drawn apart: there are no weights that both could start from.
"""

from configs.joint.common import SOURCE, STREETS, TARGET, Setting, baseline
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return baseline("joint-split1", {"source": SOURCE, "target": TARGET}, split=1, on=on)
