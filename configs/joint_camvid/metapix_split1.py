"""Streets and CamVid: MetaPix W^1 with the first block of the encoder for each domain.

    python -m experiments.train configs/joint_camvid/metapix_split1.py --target.dir CAMVID

As `configs/joint/metapix_split1.py` otherwise.
"""

from configs.joint import metapix_split1
from configs.joint_camvid.common import ON_CAMVID
from jaxseg.train import Experiment


def experiment() -> Experiment:
    """The experiment."""
    return metapix_split1.experiment(ON_CAMVID)
