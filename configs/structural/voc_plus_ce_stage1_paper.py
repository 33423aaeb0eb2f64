r"""Stage 1 of DeepLabv3+ on PASCAL VOC with softmax cross entropy (Zhao et al. 2019, Table 2).

    python -m experiments.train configs/structural/voc_plus_ce_stage1_paper.py --data.dir VOC2012 --data.sbd SBD \
        --initialize WEIGHTS

WEIGHTS is timm's xception65.tf_in1k. Settings are those of `configs/structural/on_voc.py`; `voc_plus_ce_paper.py`
goes on from here. The paper has no figure of this stage alone. Not measured here.
"""

from configs.objectives import cross_entropy
from configs.structural.on_voc import DEEPLAB_V3_PLUS, first_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return first_stage("ce", cross_entropy(), DEEPLAB_V3_PLUS)
