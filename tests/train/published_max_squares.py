"""Published numbers of maximum squares' recipes, in the form of `published.TABLE`, and what others share with them.

MS is Chen, Xue and Cai, ICCV 2019, with its released code; the other short names are those of `published`.
"""

from typing import Any

Row = tuple[str, Any, str]

SGD_OF_DEEPLAB: list[Row] = [
    ("method.optimizer.learning_rate", 2.5e-4, "all: base rate of the trunk"),
    ("method.optimizer.groups.head", 10.0, "all: heads at ten times the rate"),
    ("method.optimizer.momentum", 0.9, "all"),
    ("method.optimizer.weight_decay", 5e-4, "all"),
    ("method.optimizer.schedule.power", 0.9, "all: poly"),
    ("method.optimizer.schedule.warmup", 0.0, "none has a warm-up"),
]
ONE_IMAGE: list[Row] = [("batch", 1, "MS, ASN, ADV, FDA: one image a domain and step")]
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
MAX_SQUARES: list[Row] = [
    *SGD_OF_DEEPLAB,
    *ONE_IMAGE,
    ("method.warm_start.steps", 80_000, "MS code: pretraining stops at 80,000"),
    ("counted.warm_start", 200_000, "MS code: iter_max of pretraining"),
    ("method.warm_start.optimizer.learning_rate", 2.5e-4, "MS code"),
    ("method.warm_start.optimizer.groups.head", 10.0, "MS code"),
    ("method.warm_start.optimizer.schedule.power", 0.9, "MS code"),
    ("method.warm_start.objective.source.weight", 1.0, "MS: cross entropy of the source"),
    ("method.steps", 29_750, "MS code: 10 epochs of 2,975 images"),
    ("counted.main", 29_760, "MS code: iter_max 2,976 x 10"),
    ("method.optimizer.groups.norm", 1.0, "MS code: batch-norm scales and biases train"),
    ("method.optimizer.groups.fixed", ("bn1",), "MS code: but for those of the stem"),
    ("method.warm_start.optimizer.groups.fixed", ("bn1",), "MS code: also in pretraining"),
    ("method.objective.source.weight", 1.0, "MS: L = CE + lambda L_T"),
    ("augment.mirror.probability", 0.5, "MS code: random mirror"),
    ("augment.blur.probability", 0.5, "MS code: random Gaussian blur"),
    ("augment.blur.sigma", (0.0, 1.0), "MS code: radius U(0, 1)"),
]
PRETRAINED: list[Row] = [
    *SGD_OF_DEEPLAB,
    *ONE_IMAGE,
    ("method.steps", 80_000, "MS code: pretraining stops at 80,000"),
    ("counted.main", 200_000, "MS code: iter_max of pretraining"),
    ("type.source", "SoftmaxCrossEntropy", "MS: cross entropy of the source"),
    ("method.optimizer.groups.fixed", ("bn1",), "MS code: but for those of the stem"),
    ("augment.mirror.probability", 0.5, "MS code: random mirror"),
    ("augment.blur.probability", 0.5, "MS code: random Gaussian blur"),
]
IMAGE_WISE: list[Row] = [("method.objective.target.loss.alpha", 0.2, "MS code: IW_ratio 0.2")]
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
        *CITYSCAPES_HALF,
        ("released.max_squares", 0.1, "MS code, README: lambda 0.1 for its normalisation"),
        ("evaluation.size", (512, 1024), "MS code: 1024x512"),
    ],
    "max_squares/gta5_to_cityscapes_iw_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        *CITYSCAPES_HALF,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, README: lambda 0.1 for its normalisation"),
        ("evaluation.size", (512, 1024), "MS code: 1024x512"),
    ],
    "max_squares/gta5_to_cityscapes_multi_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        *MULTI,
        ("released.image_wise", 0.09, "MS code, README: lambda 0.09"),
        ("method.objective.guidance.weight", 0.1 * 0.09, "MS code: lambda_seg x lambda"),
        ("augment.resize.size", (640, 1280), "MS code, README: 1280x640"),
        ("evaluation.size", (640, 1280), "MS code: scored at 1280x640"),
    ],
    "max_squares/synthia_to_cityscapes_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *CITYSCAPES_HALF,
        ("released.max_squares", 0.1, "MS code, earlier README: lambda 0.1"),
    ],
    "max_squares/synthia_to_cityscapes_iw_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *CITYSCAPES_HALF,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, earlier README: lambda 0.1"),
    ],
    "max_squares/synthia_to_cityscapes_multi_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *CITYSCAPES_HALF,
        *MULTI,
        ("released.image_wise", 0.1, "MS code, earlier README: lambda 0.1"),
        ("method.objective.guidance.weight", 0.1 * 0.1, "MS code: lambda_seg x lambda"),
    ],
    "max_squares/cityscapes_to_cross_city_paper.py": [
        *MAX_SQUARES,
        *CITIES,
        ("released.max_squares", 0.1, "MS code, README: lambda 0.1"),
    ],
    "max_squares/cityscapes_to_cross_city_iw_paper.py": [
        *MAX_SQUARES,
        *CITIES,
        *IMAGE_WISE,
        ("released.image_wise", 0.1, "MS code, README: lambda 0.1"),
    ],
    "max_squares/gta5_to_cityscapes_min_ent_paper.py": [
        *MAX_SQUARES,
        *GTA5,
        *CITYSCAPES_HALF,
        ("type.target", "Entropy", "MS, table 2: MinEnt, their own"),
        ("method.objective.target.loss.normalized", False, "MS, section 3.1: entropy in nats"),
    ],
    "max_squares/synthia_to_cityscapes_min_ent_paper.py": [
        *MAX_SQUARES,
        *SYNTHIA,
        *CITYSCAPES_HALF,
        ("type.target", "Entropy", "MS, table 3: MinEnt, their own"),
        ("method.objective.target.loss.normalized", False, "MS, section 3.1: entropy in nats"),
    ],
    "max_squares/synthia_source_paper.py": [*PRETRAINED, *SYNTHIA, *CITYSCAPES_HALF],
    "max_squares/cityscapes_to_cross_city_source_paper.py": [*PRETRAINED, *CITIES],
}
