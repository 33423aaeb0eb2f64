r"""DeepLabv2 on Cityscapes, supervised: the oracle of the tables from GTA5 and SYNTHIA to Cityscapes.

    python -m experiments.train configs/cityscapes/deeplab_v2.py --data.dir CITYSCAPES \
        --initialize WEIGHTS

CITYSCAPES holds leftImg8bit and gtFine, as folders or as the two zips. Preparing it copies the images once into
$JAXSEG_CACHE.

Hardware: one GPU is meant, the batch is 1. Time and expected figure: nothing was measured here. No paper states a
figure for these settings; the Transfer-Learning-Library has 70.5 mIoU for this network, supervised, by its own recipe.

The settings are those with which the released code of MaxSquare (Chen et al. 2019) pretrains on a source: SGD 2.5e-4,
the heads ten times that, momentum 0.9, weight decay 5e-4, poly 0.9 that counts to 200,000 and is stopped at 80,000,
batch 1, 1024x512, mirrored and blurred at random. As AdaptSegNet and AdvEnt score: images at 1024x512, labels at their
2048x1024; MaxSquare scores at 1024x512.

WEIGHTS is the released initialisation of DeepLabv2's ResNet-101 (.pth, .npz or .safetensors; `models.pretrained` says
which keys); without it training starts from random weights, from which a network of this depth learns far less.

What is not as there: all four branches of the head are summed, as the paper of DeepLab has it; the two of
the released code are --network.module.active 2. AdaptSegNet holds the scales and biases of all batch normalisation
fixed, where MaxSquare and this do so in the stem: --optimizer.groups.norm 0. Images are resized on the device,
bilinearly and antialiased, where the papers resize by PIL, bicubically.
"""

from configs.street_recipes import CITYSCAPES_SIZE, recipe, sgd
from jaxseg import losses, models
from jaxseg.data import Cityscapes
from jaxseg.data.augment import GaussianBlur, Mirror, Resize
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
    augment = {"resize": Resize(size=CITYSCAPES_SIZE), "mirror": Mirror(), "blur": GaussianBlur()}
    return recipe("cityscapes-deeplab-v2", Cityscapes(), None, method, augment, weights=None)
