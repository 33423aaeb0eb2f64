"""The published numbers of self-training, as in `published.py`, which says what a row is.

CBST is Zou et al., ECCV 2018, with its released code (yzou2/CBST); CRST is Zou et al., ICCV 2019 (yzou2/CRST); W is Liu
et al., AAAI 2020, which takes CRST's setting with LRENT; MS is the poster of Chen, Xue and Cai, ICCV 2019.
"""

from typing import Any

Row = tuple[str, Any, str]

SGD_OF_CRST: list[Row] = [
    ("method.optimizer.type", "SGD", "CRST code"),
    ("method.optimizer.groups.head", 10.0, "CRST code: heads at ten times the rate"),
    ("method.optimizer.momentum", 0.9, "CRST code"),
    ("method.optimizer.weight_decay", 5e-4, "CRST code"),
    ("method.optimizer.groups.norm", 0.0, "CRST code: batch-norm scales and biases are fixed"),
    ("method.network.module.trunk.depth", 101, "CRST code: ResNet-101"),
    ("method.network.module.trunk.output_stride", 8, "CRST code: DeepLabv2's stride"),
    ("method.network.module.trunk.units.batch_norm", "frozen", "CRST code: statistics are fixed too"),
]
JOINT: Row = ("method.average", "joint", "CRST code: one sum over the valid pixels of both domains")
FULL_SIZE: list[Row] = [("evaluation.size", (1024, 2048), "CRST code: scored at full size")]
ROUNDS: list[Row] = [
    *SGD_OF_CRST,
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "CBST, eq. 4"),
    ("method.optimizer.schedule.type", "Constant", "CBST, CRST code: one rate in a round"),
    ("method.policy", "class", "CBST, CRST: a threshold for each class"),
    ("method.flip", True, "CBST, CRST code: labels from the image and its mirror image"),
    ("method.portion.step", 0.05, "CBST, CRST code"),
    ("method.portion.stop", 0.5, "CBST, CRST code"),
    ("method.source_share.step", 0.0025, "CBST, CRST code"),
    ("method.source_share.stop", 0.06, "CBST, CRST code"),
    ("passes.target", 2.0, "CBST, CRST code: 2 epochs a round"),
    ("images.step", 2, "CBST, CRST code: batch 2"),
    ("augment.target_crop.centre.probability", 0.8, "CBST, CRST code: mining with 0.8"),
    ("augment.target_crop.centre.share", 1e-3, "CBST, CRST code: mining below 1e-3"),
    ("augment.target_crop.flip", True, "CRST code: random mirror"),
    ("augment.source_crop.flip", True, "CRST code: random mirror"),
    ("method.objective.source.weight", 1.0, "CBST, eq. 4"),
    ("method.objective.target.weight", 1.0, "CBST, eq. 4"),
]
FROM_GTA5: list[Row] = [
    ("target.name", "cityscapes", "target"),
    ("data.name", "gta5", "source"),
    ("data.resize", (1052, 1914), "CRST code: GTA5 at 1914x1052"),
    ("method.network.classes", 19, "the 19 classes of Cityscapes"),
    ("method.source_share.start", 0.03, "CBST, CRST code: 3% of the source's images"),
]
FROM_SYNTHIA: list[Row] = [
    ("target.name", "cityscapes", "target"),
    ("data.name", "synthia", "source"),
    ("data.resize", None, "SYNTHIA is 1280x760"),
    ("method.network.classes", 16, "16 classes"),
    ("method.source_share.start", 0.02, "CBST, CRST code: 2% of the source's images"),
]
CITIES: list[Row] = [
    ("data.name", "cityscapes", "MS, Table 6"),
    ("target.name", "cross_city", "MS, Table 6"),
    ("target.cities", ("Rome",), "MS, Table 6: one city each"),
    ("method.network.classes", 13, "MS, Table 6: 13 classes"),
    ("data.resize", None, "Cityscapes is 2048x1024"),
    ("target.resize", None, "NTHU is 2048x1024"),
]
CRST: list[Row] = [
    *ROUNDS,
    *FULL_SIZE,
    ("method.optimizer.learning_rate", 5e-5, "CRST code"),
    ("method.round_rate", 1.0, "CRST code: the same rate in every round"),
    ("method.source_draw", "new", "CRST code: another seed every round"),
    ("method.portion.start", 0.2, "CRST code"),
    ("method.scales", (0.9,), "CRST code: labels from the image at 0.9"),
]
CRST_GTA5: list[Row] = [
    *CRST,
    *FROM_GTA5,
    ("method.rounds", 3, "CRST code: 4 rounds, the last of which tests"),
    ("augment.source_crop.size", (512, 1024), "CRST code: 512x1024"),
    ("augment.target_crop.size", (512, 1024), "CRST code: 512x1024"),
    ("native.source", (0.5, 1.5), "CRST code: scales 0.5 to 1.5"),
    ("native.target", (0.5, 1.5), "CRST code: scales 0.5 to 1.5"),
]
CRST_SYNTHIA: list[Row] = [
    *CRST,
    *FROM_SYNTHIA,
    ("data.lane_marking", "road", "CRST code: lane markings are road"),
    ("method.rounds", 4, "CRST code: 5 rounds, the last of which tests"),
    ("augment.source_crop.size", (600, 900), "CRST code: 600x900"),
    ("augment.target_crop.size", (600, 900), "CRST code: 600x900"),
    ("native.source", (0.8, 1.2), "CRST code: source scales 0.8 to 1.2"),
    ("native.target", (0.6, 1.5), "CRST code: target scales 0.6 to 1.5"),
]
LRENT: list[Row] = [
    ("method.labels", "lrent", "CRST, label entropy"),
    JOINT,
    ("method.alpha", 0.25, "CRST code, lrent.sh"),
    ("method.objective.target.loss.type", "SoftCrossEntropy", "CRST, eq. 6"),
]
MRKLD: list[Row] = [
    ("method.labels", "hard", "CRST: a regulariser of the model leaves CBST's labels"),
    ("method.objective.target.loss.alpha", 0.1, "CRST code, mrkld.sh"),
    ("method.objective.target.loss.type", "MRKLD", "CRST, Table 1"),
    ("method.average", "released", "CRST code: its regulariser over the target's valid pixels alone"),
]
WASSERSTEIN: list[Row] = [
    *LRENT[:3],
    ("method.objective.target.loss.type", "Sinkhorn", "W: Cuturi's approximation"),
]
CBST: list[Row] = [
    *ROUNDS,
    JOINT,
    ("method.labels", "hard", "CBST, eq. 5"),
    ("method.objective.target.loss.type", "SoftmaxCrossEntropy", "CBST, eq. 4"),
    ("method.optimizer.learning_rate", 1e-4, "CBST code"),
    ("method.round_rate", 2**-0.5, "CBST code: divided by sqrt(2) every round"),
    ("method.rounds", 6, "CBST code: 6 rounds"),
    ("method.source_draw", "nested", "CBST code: cumulative"),
    ("augment.source_crop.size", (500, 500), "CBST code: crops of 500"),
    ("augment.target_crop.size", (500, 500), "CBST code: crops of 500"),
    ("native.source", (0.7, 1.3), "CBST code: scales 0.7 to 1.3"),
    ("native.target", (0.7, 1.3), "CBST code: scales 0.7 to 1.3"),
    ("labelled.widths", (1850,), "CBST code: the longer side at 1850"),
]
CBST_GTA5: list[Row] = [*CBST, *FROM_GTA5, ("method.portion.start", 0.15, "CBST code, command of SP")]
PRETRAINING: list[Row] = [
    *SGD_OF_CRST,
    *FULL_SIZE,
    ("terms", ("source",), "CRST code, train.py: cross entropy alone"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "CRST code, train.py: cross entropy alone"),
    ("method.objective.source.weight", 1.0, "CRST code, train.py: cross entropy alone"),
    ("batch", 4, "CRST code, train.py"),
    ("method.steps", 100_000, "CRST code, train.py"),
    ("counted.main", 100_000, "CRST code, train.py: poly counts to num_steps"),
    ("method.optimizer.learning_rate", 2.5e-4, "CRST code, train.py"),
    ("method.optimizer.schedule.power", 0.9, "CRST code, train.py: poly"),
    ("method.optimizer.schedule.warmup", 0.0, "CRST code, train.py: no warm-up"),
    ("augment.crop.size", (500, 500), "CRST code, train.py"),
    ("native.crop", (0.5, 1.5), "CRST code, train.py: scales 0.5 to 1.5"),
]

_BY_FILE: dict[str, list[Row]] = {
    "gta5_source_paper.py": [*PRETRAINING, *FROM_GTA5[:-1]],
    "synthia_source_paper.py": [
        *PRETRAINING,
        *FROM_SYNTHIA[:-1],
        ("data.lane_marking", "road", "CRST code: lane markings are road"),
    ],
    "cityscapes_source_paper.py": [*PRETRAINING, *CITIES],
    "cityscapes_to_cross_city_cbst_paper.py": [
        *CBST,
        *CITIES,
        ("method.portion.start", 0.2, "CBST code, from SYNTHIA"),
        ("method.source_share.start", 0.02, "CBST code, from SYNTHIA"),
    ],
    "gta5_to_cityscapes_cbst_paper.py": [*CBST_GTA5, ("method.spatial_prior", False, "CBST without SP")],
    "gta5_to_cityscapes_cbst_sp_paper.py": [*CBST_GTA5, ("method.spatial_prior", True, "CBST-SP")],
    "gta5_to_cityscapes_crst_lrent_paper.py": [*CRST_GTA5, *LRENT],
    "gta5_to_cityscapes_crst_mrkld_paper.py": [*CRST_GTA5, *MRKLD],
    "gta5_to_cityscapes_wasserstein_linear_paper.py": [*CRST_GTA5, *WASSERSTEIN],
    "gta5_to_cityscapes_wasserstein_square_paper.py": [*CRST_GTA5, *WASSERSTEIN],
    "gta5_to_cityscapes_wasserstein_huber_paper.py": [*CRST_GTA5, *WASSERSTEIN],
    "synthia_to_cityscapes_cbst_paper.py": [
        *CBST,
        *FROM_SYNTHIA,
        ("data.lane_marking", "ignore", "CBST code"),
        ("method.portion.start", 0.2, "CBST code"),
    ],
    "synthia_to_cityscapes_crst_lrent_paper.py": [*CRST_SYNTHIA, *LRENT],
    "synthia_to_cityscapes_crst_mrkld_paper.py": [*CRST_SYNTHIA, *MRKLD],
    "synthia_to_cityscapes_wasserstein_huber_paper.py": [*CRST_SYNTHIA, *WASSERSTEIN],
}
SELF_TRAINING_TABLE = {f"self_training/{name}": rows for name, rows in _BY_FILE.items()}
