r"""Conservative loss from GTA5 to Cityscapes, cold start: the clamped loss and the game from the first step: 35.2 mIoU.

    python -m experiments.train configs/conservative/gta5_to_cityscapes_cold_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

WEIGHTS is torchvision's VGG-16. As many steps as warm start and game take together (ours). The paper clamps to 10 and
does not say what; here it is the loss before lambda. After it: `--objective.source.loss.clamp-on scaled`. The rest is
as in `gta5_to_cityscapes_paper.py`. Not measured here.
"""

import dataclasses
from typing import Any

from configs.conservative.common import STEPS, WARM_STEPS, adapted
from jaxseg import losses
from jaxseg.data import GTA5, Cityscapes
from jaxseg.methods import Constant
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    warm = adapted(
        "gta5-cityscapes-conservative-cold",
        GTA5(resize=(563, 1024)),
        Cityscapes(),
        Constant(),
        losses.Conservative(clamp=10.0),
    )
    same: Any = warm.method
    method = dataclasses.replace(same, warm_start=None, steps=WARM_STEPS + STEPS)
    return dataclasses.replace(warm, method=method)
