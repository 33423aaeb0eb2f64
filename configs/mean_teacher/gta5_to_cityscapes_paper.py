r"""Mean teacher on mixed images from GTA5 to Cityscapes, DACS (Tranheden et al., WACV 2021): 52.1 mIoU.

    python -m experiments.train configs/mean_teacher/gta5_to_cityscapes_paper.py --data.dir GTA5 \
        --target.dir CITYSCAPES --initialize WEIGHTS

All 24,966 images of GTA5, two images a domain and step, crops of 512x512 from 720x1280 and 512x1024, 250,000 steps.
The teacher keeps 0.99 of itself a step, a pixel is sure from 0.968, half of the source's classes are pasted; mixed
images are jittered by 0.25 with probability 0.8 and blurred with 0.5. Batch-norm scales and biases are held fixed.

WEIGHTS is what DACS starts from, trained on COCO; the other recipes' file will do. Options:
`--network.module.active 2` sums two of the head's four branches, as its code does; `--target.resize 512 1024`
scores labels at that size, as it does; `--decay 0.999 --ignored-rows 15 120` are DAFormer's. Hue is not jittered.
Not measured here.
"""

from pathlib import Path

from configs.street_recipes import GTA5_SIZE, recipe, resized, sgd
from jaxseg import models
from jaxseg.data import GTA5, Cityscapes
from jaxseg.data.augment import ColorJitter, GaussianBlur, RandomCrop
from jaxseg.methods import MeanTeacher
from jaxseg.train import Experiment

CROP = (512, 512)
STEPS = 250_000
WEIGHTS = Path("resnet101COCO-41f33a49.pth")


def experiment() -> Experiment:
    """The experiment."""
    method = MeanTeacher(
        network=models.deeplab_v2(19),
        steps=STEPS,
        optimizer=sgd(norm=False),
        decay=0.99,
        threshold=0.968,
        color=ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25),
        color_share=0.8,
        blur=GaussianBlur(probability=0.5, sigma=(0.15, 1.15)),
    )
    augment = {**resized(), "crop": RandomCrop(size=CROP)}
    return recipe(
        "gta5-cityscapes-mean-teacher",
        GTA5(resize=GTA5_SIZE),
        Cityscapes(),
        method,
        augment,
        batch=2,
        weights=WEIGHTS,
    )
