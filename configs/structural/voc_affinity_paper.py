"""DeepLabv3 on PASCAL VOC with the affinity field loss: 75.29 mIoU in the paper (Zhao et al. 2019, Table 5).

    python -m experiments.train configs/structural/voc_affinity_paper.py --data.dir VOC2012

This is stage 2, from `runs/voc-deeplab-v3-affinity-stage1/seed0`, which `voc_affinity_stage1_paper.py` trains.
Settings are those of `configs/structural/on_voc.py`. The table's crop and batch are `--augment.crop.size 321 321
--augment.crop.scale 0.799065 3.196262 --batch 16`, for a scale is relative to the crop: these are 0.5 to 2 of the
image. Both terms have the weight 1, constant; in the code of Ke et al. 2018 their weights fall as 10^(-step/steps). Not
measured here.
"""

from configs.objectives import affinity
from configs.structural.on_voc import second_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return second_stage("affinity", affinity())
