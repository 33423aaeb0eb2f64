r"""Training on Cityscapes alone, 13 classes, before CBST to a city far away (NTHU); ours, as CRST begins on GTA5.

    python -m experiments.train configs/self_training/cityscapes_source_paper.py --data.dir CITYSCAPES \
        --target.dir NTHU --target.cities Rio --initialize WEIGHTS

How CBST's network for this pair was trained is not at hand. Here as from GTA5: four crops of 500x500 at scales 0.5 to
1.5, 100,000 steps, SGD 2.5e-4 with poly 0.9. Batch normalisation keeps the statistics, scales and biases of WEIGHTS,
the released initialisation of DeepLabv2's ResNet-101. The target is scored alone, so one run serves all four cities.
Not measured here.
"""

from configs.self_training.common import CITYSCAPES_SIZE, pretrained
from jaxseg.data import Cityscapes, CrossCity
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return pretrained(
        "cityscapes-crst-source", Cityscapes(classes=13), CrossCity(cities=("Rome",)), 13, CITYSCAPES_SIZE
    )
