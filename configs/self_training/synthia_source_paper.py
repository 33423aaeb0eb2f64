r"""Training on SYNTHIA alone, as CRST begins (Zou et al., ICCV 2019).

    python -m experiments.train configs/self_training/synthia_source_paper.py \
        --data.dir SYNTHIA --target.dir CITYSCAPES --initialize WEIGHTS

Four crops of 500x500 at scales 0.5 to 1.5, 100,000 steps, SGD 2.5e-4 with poly 0.9. Batch normalisation keeps
the statistics, scales and biases of WEIGHTS, the released initialisation of DeepLabv2's ResNet-101 (ours).
CRST's code has its own network for this pair; how that was trained is not said, so it is as from GTA5. Not
measured here.
"""

from configs.self_training.common import SYNTHIA_SIZE, pretrained
from jaxseg.data import Cityscapes, Synthia
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return pretrained(
        "synthia-crst-source", Synthia(lane_marking="road"), Cityscapes(classes=16), 16, SYNTHIA_SIZE
    )
