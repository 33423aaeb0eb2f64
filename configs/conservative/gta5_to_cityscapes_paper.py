r"""The Conservative loss from GTA5 to Cityscapes (Zhu et al., ECCV 2018): 38.1 mIoU, from 30.0 without adaptation.

    python -m experiments.train configs/conservative/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

All 24,966 images of GTA5. 100,000 steps are four epochs, so no learning rate falls. What is the paper's, what LSD-seg's
and what ours is said in `configs/conservative/common.py`.

The paper's ablations: a with `--objective.source.loss.base 3`, lambda with `--objective.source.loss.scale 10`; the cold
start and other losses are the files beside this one, and all of it in small is `configs/streets/conservative*.py`.
LSD-seg's order of updates is `--update simultaneous`, its first beta
`--generator-optimizer.b1 0.7 --discriminator-optimizer.b1 0.7`. Not measured here.
"""

from configs.conservative.common import adapted
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Constant
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return adapted("gta5-cityscapes-conservative", GTA5(resize=(563, 1024)), Cityscapes(), Constant())
