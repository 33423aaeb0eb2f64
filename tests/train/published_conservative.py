"""Published numbers of the Conservative loss's recipes, in the form of `published.TABLE`.

CL is Zhu et al., ECCV 2018; LSD is LSD-seg, Sankaranarayanan et al., CVPR 2018 (swamiviv/LSD-seg), from which
comes what CL leaves to its supplement.
"""

import math
from typing import Any

from tests.train.published_max_squares import in_warm_start

Row = tuple[str, Any, str]

THE_LOSS: list[Row] = [
    ("method.objective.source.loss.base", math.e, "CL, section 4.2: a = e"),
    ("method.objective.source.loss.scale", 5.0, "CL, section 4.2: lambda = 5"),
    ("method.objective.source.loss.clamp", None, "CL, section 4.4: no clamp after a warm start"),
]
ENCODER: list[Row] = [
    ("method.optimizer.type", "Adam", "CL, section 4.2: Adam"),
    ("method.optimizer.b1", 0.9, "CL, section 4.2: Adam (0.9, 0.999)"),
    ("method.optimizer.b2", 0.999, "CL, section 4.2: Adam (0.9, 0.999)"),
    ("method.optimizer.learning_rate", 1e-5, "LSD code: 1e-5"),
    ("method.optimizer.groups.bias", 2.0, "LSD code: biases at twice the rate"),
    ("method.optimizer.weight_decay", 0.0, "LSD code: none"),
]
OTHERS: list[Row] = [
    row
    for player in ("generator", "discriminator")
    for row in (
        (f"method.{player}_optimizer.learning_rate", 1e-4, "LSD code: 1e-4"),
        (f"method.{player}_optimizer.b1", 0.9, "CL, section 4.2: Adam (0.9, 0.999)"),
        (f"method.{player}_optimizer.b2", 0.999, "CL, section 4.2: Adam (0.9, 0.999)"),
        (f"method.{player}_optimizer.weight_decay", 0.0, "LSD code: none"),
        (f"method.{player}_optimizer.schedule.type", "Constant", "LSD code: the encoder's rate alone falls"),
    )
]
IMAGES: list[Row] = [
    ("batch", 1, "CL, section 4.2: batch size 1"),
    ("augmentations", ("crop",), "CL, section 4.2: resized and cropped"),
    ("augment.crop.size", (512, 1024), "CL, section 4.2: resized and cropped to 1024x512"),
    ("augment.resize.size", (512, 1024), "CL, section 4.2: 1024x512"),
    ("evaluation.size", (512, 1024), "CL, section 4.2: 1024x512"),
    ("target.name", "cityscapes", "target"),
]
GAME: list[Row] = [
    *ENCODER,
    *OTHERS,
    *IMAGES,
    *in_warm_start(ENCODER),
    ("method.objective.source.weight", 1.0, "CL, section 3.4: L_E = L_GAN,E + L_seg"),
    (
        "method.warm_start.objective.source.loss.type",
        "SoftmaxCrossEntropy",
        "CL, section 4.2: cross entropy first",
    ),
    ("method.weights.discriminator", 1.0, "CL, section 3.4"),
    ("method.weights.generator", 1.0, "CL, section 3.4: L_G = L_GAN,G + L_rec"),
    ("method.weights.reconstruction", 1.0, "CL, section 3.4"),
    ("method.weights.encoder", 1.0, "CL, section 3.4"),
    ("method.update", "alternating", "CL, section 3.4: D, then G, then E"),
    ("method.discriminator.module.layers", 3, "CL, section 4.2: PatchGAN, of 70x70 patches"),
    ("method.discriminator.module.width", 64, "pix2pix: PatchGAN"),
    ("method.steps", 100_000, "LSD code: max_iter 100,000"),
    ("method.generator.embedding", (4096, 512, 256), "LSD code: fc7, pool4, pool3"),
    ("method.generator.module.width", 64, "LSD code: ngf 64"),
    ("method.generator.module.rate", 0.5, "LSD code: dropout 0.5"),
]

FROM_GTA5: list[Row] = [
    ("data.name", "gta5", "source"),
    ("method.network.classes", 19, "CL, table 1: 19 classes"),
    ("data.split_list", None, "CL, section 4.1: all 24,966 images"),
]
CONSTANT: Row = (
    "method.optimizer.schedule.type",
    "Constant",
    "LSD code: falls after 8 epochs, here 199,728 steps",
)
FROM_SYNTHIA: list[Row] = [
    ("data.name", "synthia", "source"),
    ("data.all_train", True, "CL, section 4.1: 9,400 images"),
    ("method.network.classes", 16, "CL, table 2: 16 classes"),
    ("target.classes", 16, "CL, table 2: scored on the 16, and on 13"),
]
INSTEAD: dict[str, list[Row]] = {
    "ce": [("method.objective.source.loss.type", "SoftmaxCrossEntropy", "CL, table 6: CE")],
    "focal": [
        ("method.objective.source.loss.type", "Focal", "CL, table 6: FL"),
        ("method.objective.source.loss.gamma", 2.0, "CL, section 4.5: (1 - p)^2"),
        ("method.objective.source.loss.alpha", 5.0, "CL, section 4.5: alpha 5"),
    ],
    "loss1": [
        ("method.objective.source.loss.type", "ConservativeCubic", "CL, Eq. 4"),
        ("method.objective.source.loss.root", 0.5, "CL, Eq. 4: 0.5"),
    ],
    "loss2": [
        ("method.objective.source.loss.type", "ConservativeCubic", "CL, Eq. 5"),
        ("method.objective.source.loss.root", 1 / math.e, "CL, Eq. 5: 1/e"),
    ],
    "loss3": [("method.objective.source.loss.type", "ConservativePiecewise", "CL, Eq. 6")],
}
UNADAPTED: list[Row] = [
    *ENCODER,
    *IMAGES,
    ("terms", ("source",), "CL, section 4.4: FCN8s + CE"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "CL, section 4.4: FCN8s + CE"),
    ("method.objective.source.weight", 1.0, "CL, section 4.4: FCN8s + CE"),
]

CONSERVATIVE_TABLE: dict[str, list[Row]] = {
    "conservative/gta5_to_cityscapes_paper.py": [
        *THE_LOSS,
        *GAME,
        *FROM_GTA5,
        CONSTANT,
    ],
    "conservative/synthia_to_cityscapes_paper.py": [
        *THE_LOSS,
        *GAME,
        *FROM_SYNTHIA,
        ("method.optimizer.schedule.type", "Stairs", "LSD code: falls every 8 epochs"),
        ("method.optimizer.schedule.factor", 0.1, "LSD code: by 0.1"),
        ("method.optimizer.schedule.every", 8 * 9400, "LSD code: 8 epochs; CL, section 4.1: 9,400 images"),
    ],
    **{
        f"conservative/gta5_to_cityscapes_{name}_paper.py": [*GAME, *FROM_GTA5, CONSTANT, *rows]
        for name, rows in INSTEAD.items()
    },
    "conservative/gta5_to_cityscapes_cold_paper.py": [
        *(row for row in GAME if "warm_start" not in row[0] and row[0] != "method.steps"),
        *FROM_GTA5,
        CONSTANT,
        ("method.objective.source.loss.base", math.e, "CL, section 4.4: a = e"),
        ("method.objective.source.loss.scale", 5.0, "CL, section 4.4: lambda = 5"),
        ("method.objective.source.loss.clamp", 10.0, "CL, section 4.4: clamped to [-10, 10]"),
        ("method.warm_start", None, "CL, section 4.2: from scratch"),
    ],
    "conservative/gta5_source_paper.py": [*UNADAPTED, *FROM_GTA5],
    "conservative/synthia_source_paper.py": [*UNADAPTED, *FROM_SYNTHIA],
}
