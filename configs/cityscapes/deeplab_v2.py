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
the released code are --network.module.active 2. The stem's batch-norm scale and bias are trained too, which MaxSquare
holds fixed (AdaptSegNet holds all fixed: --optimizer.groups.norm 0). Images are resized on the device, bilinearly and
antialiased, where the papers resize by PIL, bicubically.
"""

from jaxseg import losses, models
from jaxseg.data import Cityscapes
from jaxseg.data.augment import GaussianBlur, ScaleCropFlip
from jaxseg.methods import SGD, Groups, ObjectiveMethod, Poly, Term
from jaxseg.train import EvaluationProtocol, Experiment, MeshShape

SIZE = (512, 1024)


def experiment() -> Experiment:
    """The experiment."""
    return Experiment(
        name="cityscapes-deeplab-v2",
        data=Cityscapes(),
        method=ObjectiveMethod(
            network=models.deeplab_v2(19),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=80_000,
            optimizer=SGD(schedule=Poly(stretch=2.5), groups=Groups(head=10.0)),
        ),
        augment={"resize": ScaleCropFlip(size=SIZE, scale=(1.0, 1.0)), "blur": GaussianBlur()},
        batch=1,
        mesh=MeshShape(data=1),
        evaluation=EvaluationProtocol(size=SIZE, batch=1),
        evaluate_every=5000,
        checkpoint_every=1000,
    )
