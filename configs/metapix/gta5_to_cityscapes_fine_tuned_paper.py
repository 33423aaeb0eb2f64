r"""Fine-tuning on labelled Cityscapes after GTA5: 66.0 mIoU (Table 1, quoted there).

    python -m experiments.train configs/metapix/gta5_to_cityscapes_fine_tuned_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

Cross entropy of the source, then of the target, 150,000 steps each (ours), the optimiser afresh. No recipe is
published: steps and optimiser are those of joint training. Not measured here.
"""

from configs.metapix.common import JOINT, OPTIMIZER, SOURCE, TARGET, baseline
from jaxseg.methods import WarmStart
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    first = WarmStart(steps=JOINT, objective={"source": SOURCE}, optimizer=OPTIMIZER)
    return baseline("gta5-cityscapes-fine-tuned", {"target": TARGET}, warm_start=first)
