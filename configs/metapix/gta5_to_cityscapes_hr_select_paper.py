r"""HRSelect-W^1 on GTA5 and labelled Cityscapes: 66.5 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_hr_select_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Source pixels weighted by how similar their prediction is to the target's. MetaPix's paper says that its segmentation
network's hyper-parameters are those of HRSelect; its weighting network's are unknown: MetaPix's U-Net here, on the 19
probabilities, with the same optimiser (ours). Not measured here.
"""

from configs.metapix.common import CROSS_ENTROPY, JOINT, OPTIMIZER, TARGET, network, trained
from jaxseg import models
from jaxseg.methods import HRSelect, Weighted
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = HRSelect(
        network=network(split=0),
        weighting=models.unet_weights(19, channels=19),
        objective={"source": Weighted(CROSS_ENTROPY), "target": TARGET},
        steps=JOINT,
        optimizer=OPTIMIZER,
        weighting_optimizer=OPTIMIZER,
    )
    return trained("gta5-cityscapes-hr-select", method)
