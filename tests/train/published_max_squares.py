"""Published numbers of maximum squares' recipes, in the form of `published.TABLE`, and what others share with them.

Those of `gta5` and `cityscapes` are by the settings of its pretraining.

MS is Chen, Xue and Cai, ICCV 2019, with its released code; the other short names are those of `published`.
"""

from pathlib import Path
from typing import Any

Row = tuple[str, Any, str]

SGD_OF_DEEPLAB: list[Row] = [
    ("method.optimizer.type", "SGD", "all"),
    ("method.optimizer.learning_rate", 2.5e-4, "all: base rate of the trunk"),
    ("method.optimizer.groups.head", 10.0, "all: heads at ten times the rate"),
    ("method.optimizer.momentum", 0.9, "all"),
    ("method.optimizer.weight_decay", 5e-4, "all"),
    ("method.optimizer.schedule.power", 0.9, "all: poly"),
    ("method.optimizer.schedule.warmup", 0.0, "none has a warm-up"),
]
SGD_OF_MAX_SQUARES: list[Row] = [
    *SGD_OF_DEEPLAB,
    ("method.optimizer.groups.norm", 1.0, "MS code: batch-norm scales and biases train"),
    ("method.optimizer.groups.fixed", ("bn1",), "MS code: but for those of the stem"),
    ("method.optimizer.groups.bias_decay", 1.0, "MS code: biases decay as all that trains"),
    ("method.optimizer.groups.norm_decay", 1.0, "MS code: batch norm decays as all that trains"),
]
RESNET_101: list[Row] = [
    ("method.network.module.trunk.depth", 101, "all: ResNet-101"),
    ("method.network.module.trunk.output_stride", 8, "all: DeepLabv2's stride"),
]
BATCH_STATISTICS: list[Row] = [
    ("method.network.module.trunk.units.batch_norm", "train", "MS, ASN, ADV, FDA code: of each image"),
    ("method.network.module.trunk.units.momentum", 0.9, "MS code: 0.1 of an image's own"),
    ("method.network.module.trunk.units.epsilon", 1e-5, "MS code"),
]
RELEASED_WEIGHTS: list[Row] = [
    ("initialize.name", "DeepLab_resnet_pretrained_init-f81d91e8.pth", "MS, ASN, ADV code: one file"),
    ("initialize_head", False, "MS, ASN, ADV code: heads are drawn"),
]
AT_HALF: list[Row] = [
    ("evaluation.size", (512, 1024), "MS, ASN, ADV code: scored at 1024x512"),
    ("evaluation.scales", (), "MS, ASN, ADV code: at that size alone"),
]
ONE_IMAGE: list[Row] = [("batch", 1, "MS, ASN, ADV, FDA: one image a domain and step")]
LISTED: Row = (
    "data.split_list",
    Path("split.mat"),
    "MS code: the 12,403 images of GTA5's train split, of 24,966",
)
GTA5: list[Row] = [
    ("data.name", "gta5", "source"),
    ("target.name", "cityscapes", "target"),
    ("data.resize", (720, 1280), "MS, ASN, ADV, FDA, DACS: 1280x720"),
    ("method.network.classes", 19, "the 19 classes of Cityscapes"),
]
CITYSCAPES_HALF: list[Row] = [
    ("augment.resize.size", (512, 1024), "MS, ASN, ADV, FDA, DACS: 1024x512"),
    ("augment.resize.domain", "target", "the source is prepared at its size"),
]
AUGMENTED: list[Row] = [
    ("augmentations", ("mirror", "blur"), "MS code: no random crop"),
    ("augment.mirror.probability", 0.5, "MS code: random mirror"),
    ("augment.mirror.domain", None, "MS code: of both domains"),
    ("augment.blur.probability", 0.5, "MS code: random Gaussian blur"),
    ("augment.blur.sigma", (0.0, 1.0), "MS code: radius U(0, 1)"),
]


def in_warm_start(rows: list[Row]) -> list[Row]:
    """The rows of the optimiser, of that of the warm start."""
    return [(path.replace("method.", "method.warm_start.", 1), value, source) for path, value, source in rows]


MAX_SQUARES: list[Row] = [
    *SGD_OF_MAX_SQUARES,
    *in_warm_start(SGD_OF_MAX_SQUARES),
    *RESNET_101,
    *BATCH_STATISTICS,
    *RELEASED_WEIGHTS,
    *ONE_IMAGE,
    ("method.warm_start.steps", 80_000, "MS code: pretraining stops at 80,000"),
    ("counted.warm_start", 200_000, "MS code: iter_max of pretraining"),
    ("method.warm_start.objective.source.weight", 1.0, "MS: cross entropy of the source"),
    ("method.steps", 29_750, "MS code: 10 epochs of 2,975 images"),
    ("counted.main", 29_760, "MS code: iter_max 2,976 x 10"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "MS: L = CE + lambda L_T"),
    ("method.objective.source.weight", 1.0, "MS: L = CE + lambda L_T"),
    (
        "method.warm_start.objective.source.loss.type",
        "SoftmaxCrossEntropy",
        "MS: cross entropy of the source",
    ),
    *AUGMENTED,
]
PRETRAINED: list[Row] = [
    *SGD_OF_MAX_SQUARES,
    *RESNET_101,
    *BATCH_STATISTICS,
    *ONE_IMAGE,
    ("method.steps", 80_000, "MS code: pretraining stops at 80,000"),
    ("counted.main", 200_000, "MS code: iter_max of pretraining"),
    ("terms", ("source",), "MS: cross entropy of the source alone"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "MS: cross entropy of the source"),
    ("method.objective.source.weight", 1.0, "MS: cross entropy of the source"),
    *AUGMENTED,
    *AT_HALF,
]
PLAIN: list[Row] = [
    ("method.objective.target.loss.type", "MaximumSquares", "MS: -1/(2N) sum p^2"),
    ("method.objective.target.loss.variant", "paper", "MS: the mean over pixels"),
]
IMAGE_WISE: list[Row] = [
    ("method.objective.target.loss.type", "MaximumSquaresImageWise", "MS: image-wise weights"),
    ("method.objective.target.loss.variant", "paper", "MS: a weight for each class"),
    ("method.objective.target.loss.alpha", 0.2, "MS code: IW_ratio 0.2"),
]
MULTI: list[Row] = [
    *IMAGE_WISE,
    ("method.objective.guidance.threshold", 0.95, "MS code, solve_gta5: 0.95"),
    ("method.objective.guidance.guide", "both", "MS, section 3.4: the mean of both heads"),
    ("method.objective.guidance.head", "aux", "MS, section 3.4"),
    ("method.objective.source_aux.weight", 0.1, "MS code: lambda_seg 0.1"),
    ("method.warm_start.objective.source_aux.weight", 0.1, "MS code: pretrained with both heads"),
]
SYNTHIA: list[Row] = [
    ("data.name", "synthia", "source"),
    ("target.name", "cityscapes", "target"),
    ("data.resize", (760, 1280), "MS code: 1280x760"),
    ("data.lane_marking", "ignore", "MS code: id 22 is ignored"),
    ("method.network.classes", 16, "MS: 16 classes trained"),
    ("target.classes", 16, "MS: scored on the 16"),
]
TRAIN_OF_SYNTHIA: list[Row] = [("data.all_train", False, "MS code: 9,000 of the 9,400 images")]
CITIES: list[Row] = [
    ("data.name", "cityscapes", "source"),
    ("target.name", "cross_city", "target"),
    ("target.cities", ("Rome",), "MS, Table 6: one city each"),
    ("method.network.classes", 13, "MS, Table 6: 13 classes"),
    ("augment.resize.size", (512, 1024), "MS code: both domains at 1024x512"),
    ("augment.resize.domain", None, "MS code: both domains"),
]

MAX_SQUARES_TABLE: dict[str, list[Row]] = {
    "max_squares/gta5_to_cityscapes_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        LISTED,
        *CITYSCAPES_HALF,
        *PLAIN,
        ("released.max_squares", 0.1, "MS code, README: lambda 0.1 for its normalisation"),
        *AT_HALF,
    ],
    "max_squares/gta5_to_cityscapes_iw_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        LISTED,
        *CITYSCAPES_HALF,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, README: lambda 0.1 for its normalisation"),
        *AT_HALF,
    ],
    "max_squares/gta5_to_cityscapes_multi_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        LISTED,
        *MULTI,
        ("released.image_wise", 0.09, "MS code, README: lambda 0.09"),
        ("method.objective.guidance.weight", 0.1 * 0.09, "MS code: lambda_seg x lambda"),
        ("augment.resize.size", (640, 1280), "MS code, README: 1280x640"),
        ("augment.resize.domain", "target", "the source is prepared at its size"),
        ("evaluation.size", (640, 1280), "MS code: scored at 1280x640"),
        ("evaluation.scales", (), "MS code: at that size alone"),
    ],
    "max_squares/synthia_to_cityscapes_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *TRAIN_OF_SYNTHIA,
        *CITYSCAPES_HALF,
        *AT_HALF,
        *PLAIN,
        ("released.max_squares", 0.1, "MS code, earlier README: lambda 0.1"),
    ],
    "max_squares/synthia_to_cityscapes_iw_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *TRAIN_OF_SYNTHIA,
        *CITYSCAPES_HALF,
        *AT_HALF,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, earlier README: lambda 0.1"),
    ],
    "max_squares/synthia_to_cityscapes_multi_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *TRAIN_OF_SYNTHIA,
        *CITYSCAPES_HALF,
        *AT_HALF,
        *MULTI,
        ("released.image_wise", 0.1, "MS code, earlier README: lambda 0.1"),
        ("method.objective.guidance.weight", 0.1 * 0.1, "MS code: lambda_seg x lambda"),
    ],
    "max_squares/cityscapes_to_cross_city_paper.py": [
        *MAX_SQUARES,
        *CITIES,
        *AT_HALF,
        *PLAIN,
        ("released.max_squares", 0.1, "MS code, README: lambda 0.1"),
    ],
    "max_squares/cityscapes_to_cross_city_iw_paper.py": [
        *MAX_SQUARES,
        *CITIES,
        *AT_HALF,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, README: lambda 0.1"),
    ],
    "max_squares/gta5_to_cityscapes_min_ent_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        LISTED,
        *CITYSCAPES_HALF,
        *AT_HALF,
        ("method.objective.target.loss.type", "Entropy", "MS, table 2: MinEnt, their own"),
        ("method.objective.target.loss.normalized", False, "MS, section 3.1: entropy in nats"),
    ],
    "max_squares/synthia_to_cityscapes_min_ent_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *TRAIN_OF_SYNTHIA,
        *CITYSCAPES_HALF,
        *AT_HALF,
        ("method.objective.target.loss.type", "Entropy", "MS, table 3: MinEnt, their own"),
        ("method.objective.target.loss.normalized", False, "MS, section 3.1: entropy in nats"),
    ],
    "max_squares/synthia_source_paper.py": [
        *PRETRAINED,
        *RELEASED_WEIGHTS,
        *SYNTHIA,
        *TRAIN_OF_SYNTHIA,
        *CITYSCAPES_HALF,
    ],
    "max_squares/cityscapes_to_cross_city_source_paper.py": [*PRETRAINED, *RELEASED_WEIGHTS, *CITIES],
    "gta5/deeplab_v2.py": [*PRETRAINED, *GTA5, LISTED],
    "cityscapes/deeplab_v2.py": [
        *PRETRAINED,
        ("data.name", "cityscapes", "supervised, by the same settings"),
        ("method.network.classes", 19, "the 19 classes of Cityscapes"),
        ("augment.resize.size", (512, 1024), "MS code: Cityscapes at 1024x512"),
    ],
}
