r"""0-1 confidence mask on GTA5 and labelled Cityscapes: 63.7 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_confidence_mask_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

How the quoted row makes its mask is not published. Here a network learns Cityscapes alone for 150,000 steps, and a
source pixel counts where it gives the pixel's label more than 1/2; then 150,000 steps of joint training (all ours).
Optimisers are those of joint training. Not measured here.
"""

from configs.metapix.common import CROSS_ENTROPY, JOINT, OPTIMIZER, TARGET, network, trained
from jaxseg.methods import ConfidenceMask, Weighted
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ConfidenceMask(
        network=network(split=0),
        objective={"source": Weighted(CROSS_ENTROPY), "target": TARGET},
        steps=JOINT,
        judge_steps=JOINT,
        optimizer=OPTIMIZER,
        judge_optimizer=OPTIMIZER,
    )
    return trained("gta5-cityscapes-confidence-mask", method)
