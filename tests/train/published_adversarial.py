"""Published numbers of AdaptSegNet, AdvEnt and its MinEnt, in the form of `published.TABLE`.

The short names of the sources are those of `published`.
"""

from typing import Any

from tests.train.published_max_squares import (
    AT_HALF,
    BATCH_STATISTICS,
    CITIES,
    CITYSCAPES_HALF,
    GTA5,
    ONE_IMAGE,
    RELEASED_WEIGHTS,
    RESNET_101,
    SGD_OF_DEEPLAB,
    SYNTHIA,
)

Row = tuple[str, Any, str]

TWO_HEADS: list[Row] = [
    ("method.objective.source.weight", 1.0, "ASN, ADV: weight of the main head"),
    ("method.objective.source_aux.weight", 0.1, "ASN: lambda_seg 0.1; ADV the same"),
    ("method.objective.source_aux.head", "aux", "ASN, ADV: on layer 3's prediction"),
    ("method.objective.source_aux.loss.type", "SoftmaxCrossEntropy", "ASN, ADV: cross entropy"),
]
ONE_HEAD: list[Row] = [
    ("terms", ("source",), "ASN code, single level: lambda_seg 0"),
    ("levels", ("main",), "ASN code, single level: lambda_adv1 0"),
    ("method.objective.source.weight", 1.0, "ASN: cross entropy of the main head"),
]
FROZEN_AFFINE: list[Row] = [
    ("method.optimizer.groups.norm", 0.0, "ASN, ADV, FDA, DACS code: batch-norm scales and biases are fixed")
]
DISCRIMINATORS: list[Row] = [
    ("method.discriminator_optimizer.type", "Adam", "ASN, section 4; ADV"),
    ("method.discriminator_optimizer.learning_rate", 1e-4, "ASN, section 4; ADV"),
    ("method.discriminator_optimizer.b1", 0.9, "ASN, ADV: betas (0.9, 0.99)"),
    ("method.discriminator_optimizer.b2", 0.99, "ASN, ADV: betas (0.9, 0.99)"),
    ("method.discriminator_optimizer.weight_decay", 0.0, "ASN, ADV code: none"),
    ("method.discriminator_optimizer.schedule.power", 0.9, "ASN, ADV: the same poly"),
    ("method.discriminator_optimizer.schedule.warmup", 0.0, "ASN, ADV: the same poly"),
    ("method.discriminator.module.width", 64, "ASN, section 4: 64, 128, 256, 512, 1"),
]
LEVELS: list[Row] = [
    ("method.levels.main.weight", 0.001, "ASN: lambda_adv 0.001; ADV: 0.001"),
    ("method.levels.main.head", "logits", "ASN: on the last layer's prediction"),
    ("method.levels.aux.weight", 0.0002, "ASN: lambda_adv 0.0002; ADV: 0.0002"),
    ("method.levels.aux.head", "aux", "ASN: on layer 3's prediction"),
]
UNCHANGED: list[Row] = [
    *SGD_OF_DEEPLAB,
    *RESNET_101,
    *BATCH_STATISTICS,
    *RELEASED_WEIGHTS,
    *ONE_IMAGE,
    *FROZEN_AFFINE,
    *AT_HALF,
    ("target.resize", None, "ASN, ADV code: labels are scored at their 2048x1024"),
    ("augmentations", (), "ASN, ADV code: none"),
    ("method.warm_start", None, "ASN, ADV code: no training on the source before"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "ASN, ADV: cross entropy"),
]
ALL_OF_GTA5: list[Row] = [*GTA5, ("data.split_list", None, "ASN, ADV code: all 24,966 images")]
OF_ANY_PAIR: list[Row] = [*UNCHANGED, *DISCRIMINATORS]
ADVERSARIAL: list[Row] = [
    *OF_ANY_PAIR,
    *ALL_OF_GTA5,
    *CITYSCAPES_HALF,
    ("counted.discriminator", 250_000, "ASN, ADV: the same count"),
    ("method.discriminator.channels", 19, "ASN, section 3.2: C maps"),
]
FROM_SYNTHIA: list[Row] = [
    *SYNTHIA,
    *CITYSCAPES_HALF,
    ("data.all_train", True, "ADV-S: all 9,400 images"),
]
TO_CITIES: list[Row] = [
    *OF_ANY_PAIR,
    *CITIES,
    ("counted.discriminator", 250_000, "ASN, from GTA5"),
    ("method.discriminator.channels", 13, "ASN, section 3.2: C maps"),
]
STOPPED_AT_90: list[Row] = [
    ("method.steps", 90_000, "ADV-S: EARLY_STOP 90,000"),
    ("counted.main", 90_000, "ADV-S: MAX_ITERS 90,000"),
]
STOPPED_AT_120: list[Row] = [
    ("method.steps", 120_000, "ADV: EARLY_STOP 120,000"),
    ("counted.main", 250_000, "ADV: MAX_ITERS 250,000"),
]
STOPPED_AT_150: list[Row] = [
    ("method.steps", 150_000, "ASN code: stopped at 150,000"),
    ("counted.main", 250_000, "ASN code: num_steps 250,000"),
]
MINIMISED: list[Row] = [
    *UNCHANGED,
    *TWO_HEADS,
    ("method.objective.target.weight", 0.001, "ADV: lambda_ent 0.001"),
    ("method.objective.target_aux.weight", 0.0002, "ADV: lambda_ent 0.0002"),
    ("method.objective.target_aux.head", "aux", "ADV: on layer 3's prediction"),
    ("method.objective.target.loss.normalized", True, "ADV, eq. 2: divided by log C"),
    ("method.objective.target_aux.loss.normalized", True, "ADV, eq. 2: divided by log C"),
]
SOFTMAX_GAME: list[Row] = [
    ("method.maps", "probabilities", "ASN, section 3.2: softmax output"),
    ("method.loss.type", "AdversarialCrossEntropy", "ASN, eq. 2"),
]
ENTROPY_GAME: list[Row] = [
    ("method.maps", "self_information", "ADV, section 3.2"),
    ("method.loss.type", "AdversarialCrossEntropy", "ADV, eq. 5"),
]

ADVERSARIAL_TABLE: dict[str, list[Row]] = {
    "min_ent/gta5_to_cityscapes_paper.py": [
        *MINIMISED,
        *ALL_OF_GTA5,
        *CITYSCAPES_HALF,
        *STOPPED_AT_120,
    ],
    "min_ent/synthia_to_cityscapes_paper.py": [*MINIMISED, *FROM_SYNTHIA, *STOPPED_AT_90],
    "adapt_seg_net/gta5_to_cityscapes_paper.py": [
        *ADVERSARIAL,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_150,
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/synthia_to_cityscapes_paper.py": [
        *OF_ANY_PAIR,
        *FROM_SYNTHIA,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_150,
        ("counted.discriminator", 250_000, "ASN, from GTA5"),
        ("method.discriminator.channels", 16, "ASN, section 3.2: C maps"),
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/cityscapes_to_cross_city_paper.py": [
        *TO_CITIES,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_150,
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/cityscapes_to_cross_city_single_paper.py": [
        *TO_CITIES,
        *ONE_HEAD,
        *LEVELS[:2],
        *STOPPED_AT_150,
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/gta5_to_cityscapes_single_paper.py": [
        *ADVERSARIAL,
        *ONE_HEAD,
        *LEVELS[:2],
        *STOPPED_AT_150,
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/gta5_to_cityscapes_least_squares_paper.py": [
        *ADVERSARIAL,
        *ONE_HEAD,
        *STOPPED_AT_150,
        ("method.maps", "probabilities", "ASN, section 3.2: softmax output"),
        ("method.levels.main.head", "logits", "ASN: on the last layer's prediction"),
        ("method.levels.main.weight", 0.01, "ASN code: LS-GAN with 0.01"),
        ("method.loss.type", "AdversarialLeastSquares", "ASN code: --gan LS"),
    ],
    "advent/gta5_to_cityscapes_paper.py": [
        *ADVERSARIAL,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_120,
        *ENTROPY_GAME,
    ],
    "advent/synthia_to_cityscapes_paper.py": [
        *OF_ANY_PAIR,
        *FROM_SYNTHIA,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_90,
        ("counted.discriminator", 90_000, "ADV-S: the same count"),
        ("method.discriminator.channels", 16, "ASN, section 3.2: C maps"),
        *ENTROPY_GAME,
    ],
}
