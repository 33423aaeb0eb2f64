r"""AdvEnt from SYNTHIA to Cityscapes (Vu et al., CVPR 2019); with MinEnt 41.2 mIoU over 16 classes, 48.0 over 13.

    python -m experiments.train configs/advent/synthia_to_cityscapes_paper.py --data.dir SYNTHIA \
        --target.dir CITYSCAPES --initialize WEIGHTS

As from GTA5, see `gta5_to_cityscapes_paper.py`, but for what AdvEnt's authors say of SYNTHIA: the schedules count to
90,000 (ADVENT, issue 12) and are not stopped before (their code of DADA, which has this pair); all 9,400 images at
760x1280, 16 classes, lane markings void (the same). That code has one head, AdvEnt's two are kept.

The row "AdvEnt+MinEnt" averages the logits of this network and of `configs/min_ent/synthia_to_cityscapes_paper.py`;
AdvEnt alone has no row on the poster of maximum squares. Not measured here.
"""

from configs.adapt_seg_net.common import AUX_LEVEL, FROM_SYNTHIA, MAIN_LEVEL, adversarial
from jaxseg.train import Experiment

STEPS = 90_000


def experiment() -> Experiment:
    """The experiment."""
    return adversarial(
        "synthia-cityscapes-advent",
        {"main": MAIN_LEVEL, "aux": AUX_LEVEL},
        steps=STEPS,
        counted=STEPS,
        pair=FROM_SYNTHIA,
        maps="self_information",
    )
