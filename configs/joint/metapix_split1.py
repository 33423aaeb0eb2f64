"""MetaPix W^1 with block 1 of the encoder for each domain (S@1); the paper's Fig. 4 compares the splits.

    python -m experiments.train configs/joint/metapix_split1.py
    python -m experiments.train configs/joint/metapix_split1.py --network.module.split 3    # blocks 1 to 3

The own blocks of the two domains are drawn apart: there are no weights that both could start from.

Measured: 50.5 ± 3.1 % mIoU on streets-real/test, 3 seeds, 3.6 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, metapix
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return metapix("metapix-split1", split=1, on=on)
