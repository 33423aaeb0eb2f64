"""Drawn streets and few real images of CamVid: 512 labelled synthetic ones and 18, 5% of CamVid's 367, evenly spaced.

    python -m experiments.train configs/joint_camvid/joint.py --target.dir CAMVID

Streets have Cityscapes' 19 classes, which become the 11 of CamVid (`jaxseg.data.as_camvid`); all 11 are shared. They
are drawn at 96x128, both domains are cropped to 96x128 after scaling by 1 to 1.5, CamVid's 360x480 scaled down before;
it is scored at 360x480. Networks, steps and rates are those of `configs/joint`. All of it is ours.
"""

from configs.joint.common import Setting
from jaxseg.data import AsCamVid, CamVid, Streets
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.train import EvaluationProtocol

SIZE = (96, 128)
ON_CAMVID = Setting(
    "joint-camvid",
    data=AsCamVid(Streets(domain="synthetic", size=SIZE)),
    target=CamVid(images=18),
    augment={"crop": ScaleCropFlip(size=SIZE, scale=(1.0, 1.5))},
    evaluation=EvaluationProtocol(size=SIZE),
)
