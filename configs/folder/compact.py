"""Your own images and label images, from scratch, with the small encoder-decoder: a first result on one's own data.

    python -m experiments.train configs/folder/compact.py --data.dir MINE --network.classes 3
    python -m experiments.evaluate runs/folder-compact/seed0 --split test
    python -m experiments.predict runs/folder-compact/seed0 picture.jpg --out labelled/

MINE holds images/{train,val,test}/NAME.png (or .jpg), labels/{train,val,test}/NAME.png and classes.toml, which names
the classes (`jaxseg.data.Folder` says how); val and test may be left out. --network.classes is the number of classes in
it. Images of different sizes need --data.resize HEIGHT WIDTH. --augment.crop.size HEIGHT WIDTH is what training shows
the network, --evaluation.size HEIGHT WIDTH what scoring does.

Hardware: runs on two CPU cores; an accelerator is used where there is one. Time and figure: nothing was measured, they
are your data's. All values are ours; no paper's figure. A network with published weights (`models.deeplab_v3`, ...) is
the better choice where there are few images.
"""

from jaxseg import losses, models
from jaxseg.data import Folder
from jaxseg.data.augment import ColorJitter, ScaleCropFlip
from jaxseg.methods import Adam, ObjectiveMethod, Poly, Term
from jaxseg.train import EvaluationProtocol, Experiment

SIZE = (192, 256)


def experiment() -> Experiment:
    """The experiment."""
    return Experiment(
        name="folder-compact",
        data=Folder(),
        method=ObjectiveMethod(
            network=models.compact(2, width=24),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=2000,
            optimizer=Adam(learning_rate=3e-3, weight_decay=1e-4, schedule=Poly(warmup=100)),
        ),
        augment={
            "crop": ScaleCropFlip(size=SIZE, scale=(0.8, 1.6)),
            "color": ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
        },
        evaluation=EvaluationProtocol(size=SIZE, batch=1),
        evaluate_every=500,
        checkpoint_every=200,
    )
