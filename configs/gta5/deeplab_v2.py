r"""DeepLabv2 trained on GTA5 alone and scored on Cityscapes: the row "source only" of the adaptation tables.

    python -m experiments.train configs/gta5/deeplab_v2.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

GTA5 holds images, labels and split.mat, the owners' list, whose 12,403 train images MaxSquare's code trains on and
whose val split is scored too (`--data.split-list None` takes all 24,966, as AdaptSegNet does); CITYSCAPES holds
leftImg8bit and gtFine, as folders or as the two zips. `--translate.beta 0.01` gives every source image the style of a
Cityscapes image (FDA, whose own recipe differs in more than that).

Hardware: one GPU is meant, the batch is 1. Time and expected figure: nothing was measured here. The paper's figure:
36.9 mIoU (MaxSquare's table, ResNet-101), scored at 1024x512.

The settings are those with which the released code of MaxSquare (Chen et al. 2019) pretrains on the source: SGD 2.5e-4,
the heads ten times that, momentum 0.9, weight decay 5e-4, poly 0.9 that counts to 200,000 and is stopped at 80,000,
batch 1, 1280x720, mirrored and blurred at random. As AdaptSegNet and AdvEnt score: images at 1024x512, labels at their
2048x1024; MaxSquare scores at 1024x512.

WEIGHTS is the released initialisation of DeepLabv2's ResNet-101 (.pth, .npz or .safetensors; `models.pretrained` says
which keys); without it training starts from random weights, from which a network of this depth learns far less.

What is not as there: all four branches of the head are summed, as the paper of DeepLab has it; the two of
the released code are --network.module.active 2. AdaptSegNet holds the scales and biases of all batch normalisation
fixed, where MaxSquare and this do so in the stem: --optimizer.groups.norm 0.
"""

from configs.street_recipes import GTA5_SIZE, OWNERS_LIST, recipe, sgd
from jaxseg import losses, models
from jaxseg.data import GTA5, Cityscapes
from jaxseg.data.augment import GaussianBlur, Mirror
from jaxseg.methods import ObjectiveMethod, Term
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    method = ObjectiveMethod(
        network=models.deeplab_v2(19),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=80_000,
        optimizer=sgd(stretch=2.5),
    )
    augment = {"mirror": Mirror(), "blur": GaussianBlur()}
    data = GTA5(resize=GTA5_SIZE, split_list=OWNERS_LIST)
    return recipe("gta5-deeplab-v2", data, Cityscapes(), method, augment, weights=None)
