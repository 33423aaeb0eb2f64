r"""CRST with the model regularised from SYNTHIA to Cityscapes (Zou et al., ICCV 2019).

    python -m experiments.train configs/self_training/synthia_to_cityscapes_crst_mrkld_paper.py \
        --data.dir SYNTHIA --target.dir CITYSCAPES --initialize runs/synthia-crst-source/seed0

Hard labels and MRKLD, alpha 0.1, averaged over the target's labelled pixels. Four rounds of two passes over the
target, in which the share of labelled pixels grows from 20% by 5 points and that of source images from 2% by 0.25; SGD
5e-5, constant; crops of 600x900 at scales 0.8 to 1.2 of the source and 0.6 to 1.5 of the target, the latter around
rare classes with probability 0.8; labels from the image at 0.9 and its mirror image; lane markings are road, as in
CRST's code. The run that it starts from is that of `synthia_source_paper.py`. Not measured here.
"""

from configs.self_training.common import MRKLD, crops_of_synthia, rounds
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return rounds(
        "synthia-cityscapes-crst-mrkld",
        Synthia(lane_marking="road"),
        Cityscapes(classes=16),
        MRKLD,
        crops_of_synthia(),
        rounds=4,
        average="released",
    )
