"""MetaPix W^1: one learned weight for every source pixel.

    python -m experiments.train configs/joint/metapix.py

Blocks are shared; `metapix_split1.py` gives each domain its own first blocks. `--hypergradient jvp` needs less memory.

Measured: 50.2 ± 2.3 % mIoU on streets-real/test, 3 seeds, 3.2 minutes a run (median) on 1 x cpu (metapix.table1).
"""

from configs.joint.common import STREETS, Setting, metapix
from jaxseg.train import Experiment


def experiment(on: Setting = STREETS) -> Experiment:
    """The experiment."""
    return metapix("metapix", on=on)
