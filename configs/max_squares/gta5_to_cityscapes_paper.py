r"""Maximum squares from GTA5 to Cityscapes (Chen, Xue and Cai, ICCV 2019): the row "MaxSquare", 44.3 mIoU.

    python -m experiments.train configs/max_squares/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

GTA5 holds images, labels and split.mat, the owners' list, whose 12,403 train images the paper's code trains on
(`--data.split-list None` takes all 24,966); CITYSCAPES holds leftImg8bit and gtFine, as folders or zips. WEIGHTS is the
released initialisation of DeepLabv2's ResNet-101. One GPU is meant, one image a domain and step. Not measured here.

80,000 steps on the source, then 29,750 with -1/2 sum p^2 on the target, see `configs/max_squares/common.py`. The
loss is the paper's and all four branches of the head are summed, as DeepLab's paper has it. What the released code
has instead, by name:

    loss averaged over classes too      --objective.target.loss.variant released --objective.target.weight 0.1
    two of the four branches            --network.module.active 2
    labels scored at 512x1024           --target.resize 512 1024
    mirrored images scored too          --evaluation.flip

The best of ten checkpoints by the target's labels, which it reports, is not offered: scores are of the last.
"""

from configs.max_squares.common import augment, method, plain
from configs.street_recipes import GTA5_SIZE, OWNERS_LIST, recipe, resized
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return recipe(
        "gta5-cityscapes-max-squares",
        GTA5(resize=GTA5_SIZE, split_list=OWNERS_LIST),
        Cityscapes(),
        method(19, plain(19)),
        augment(resized()),
    )
