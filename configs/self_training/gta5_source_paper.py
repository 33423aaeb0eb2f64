r"""Training on GTA5 alone, as CRST begins (Zou et al., ICCV 2019): 33.35 mIoU on Cityscapes.

    python -m experiments.train configs/self_training/gta5_source_paper.py \
        --data.dir GTA5 --target.dir CITYSCAPES --initialize WEIGHTS

Four crops of 500x500 at scales 0.5 to 1.5, 100,000 steps, SGD 2.5e-4 with poly 0.9. Batch normalisation keeps
the statistics, scales and biases of WEIGHTS, as in the code. WEIGHTS is the released initialisation of DeepLabv2's
ResNet-101 (ours; the code takes torchvision's ResNet-101). The figure is CRST's, with three scales and mirror images.
Not measured here.
"""

from configs.self_training.common import GTA5_SIZE, pretrained
from jaxseg.data import GTA5, Cityscapes
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return pretrained("gta5-crst-source", GTA5(resize=GTA5_SIZE), Cityscapes(), 19, GTA5_SIZE)
