"""DeepLabv3 on PASCAL VOC with 1 - SSIM (Eq. 7): 77.16 mIoU in the paper (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_ssim_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-ssim-stage1/seed0`, which `voc_ssim_stage1_paper.py` trains. Settings are
those of `configs/structural/on_voc.py`. Size 11 and Eq. 9 are `--objective.structure.loss.size 11` and
`--objective.structure.loss.mean-subtracted`. Window, constants and the half of cross entropy are ours: the paper does
not state them. Not measured here.
"""

from configs.objectives import mixed
from configs.structural.on_voc import second_stage
from jaxseg import losses
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("ssim", mixed(losses.SSIM()))
