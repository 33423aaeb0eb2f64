r"""Stage 1 of DeepLabv3 on PASCAL VOC with the affinity field loss (Zhao et al. 2019, Table 5).

    python -m experiments.train configs/structural/voc_affinity_stage1_paper.py --data.dir VOC2012 --data.sbd SBD \
        --initialize WEIGHTS

WEIGHTS is torchvision's ResNet-101. Settings are those of `configs/structural/on_voc.py`; `voc_affinity_paper.py`
goes on from here, and says what is an option. The paper has no figure of this stage alone. Not measured here.
"""

from configs.objectives import affinity
from configs.structural.on_voc import first_stage
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return first_stage("affinity", affinity())
