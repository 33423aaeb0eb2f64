"""Published numbers of the structural similarity loss's recipes on PASCAL VOC, in the form of `published.TABLE`.

SSL is Zhao et al. 2019 (arXiv 1910.08711); DL3 is DeepLabv3, Chen et al. 2017, to which it refers for the rest.
"""

from typing import Any

from tests.train.published_structural_cityscapes import LOSSES, ON_VOC_ALONE

Row = tuple[str, Any, str]

SHARED: list[Row] = [
    ("data.name", "voc", "SSL, section 4.1"),
    ("method.network.classes", 21, "SSL, section 4.1: 20 classes and the background"),
    ("method.network.module.trunk.output_stride", 16, "SSL, section 4.1: always 16"),
    ("method.optimizer.schedule.power", 0.9, "SSL, section 4.1: poly 0.9"),
    ("method.optimizer.schedule.warmup", 100, "SSL, section 4.1: slow start of 100 steps"),
    ("method.optimizer.momentum", 0.9, "DL3"),
    ("batch", 12, "SSL, section 4.2: batch 12, whether crops are of 513 or of 393"),
    ("native.canvas", (0.5, 2.0), "SSL, section 4.1: scales 0.5 to 2, of native images"),
    ("augment.crop.flip", True, "SSL, section 4.1: flips"),
    ("data.canvas", (513, 513), "DL3 code: images padded to 513x513 to be scored"),
    ("data.resize", None, "SSL, section 4.1: native images"),
    ("train_split", "train", "SSL, section 4.1: train, or trainaug with SBD"),
    ("evaluation.size", None, "SSL, section 4.1: single-scale inference"),
    ("evaluation.scales", (), "SSL, section 4.1: single-scale inference"),
    ("evaluation.flip", False, "SSL, section 4.1: single-scale inference"),
]
ON_RESNET: list[Row] = [
    ("method.network.module.trunk.type", "ResNet", "SSL, section 4.1: ResNet-101"),
    ("method.network.module.trunk.depth", 101, "SSL, section 4.1: ResNet-101"),
    ("method.network.module.trunk.multi_grid", (1, 2, 4), "DL3: multi-grid"),
    ("method.optimizer.weight_decay", 1e-4, "DL3: 1e-4 for ResNet"),
    ("augment.crop.size", (513, 513), "SSL, section 4.1: crop 513"),
]
ON_XCEPTION: list[Row] = [
    ("method.network.module.trunk.type", "Xception65", "SSL, section 4.1: DeepLabv3+ has Xception-65"),
    ("method.optimizer.weight_decay", 4e-5, "DeepLab's code: 4e-5 for Xception"),
    ("augment.crop.size", (393, 393), "SSL, section 4.1: with DeepLabv3+ crop 393"),
    ("method.network.module.trunk.units.momentum", 0.9997, "DeepLab's code"),
]
STAGES: dict[str, list[Row]] = {
    "_stage1": [
        ("data.sbd.name", "dataset", "SSL, section 4.1: trainaug"),
        ("initialize_head", False, "SSL, section 4.1: the backbone is pretrained"),
        ("method.network.module.units.batch_norm", "train", "SSL, section 4.1: frozen in stage 2 alone"),
        ("method.steps", 30_000, "SSL, section 4.1: 30K"),
        ("counted.main", 30_000, "SSL, section 4.1: max_iter"),
        ("method.optimizer.learning_rate", 0.007, "SSL, section 4.1: 0.007"),
    ],
    "": [
        ("data.sbd", None, "SSL, section 4.1: train"),
        ("initialize_head", True, "SSL, section 4.1: the model is fine-tuned"),
        ("method.network.module.units.batch_norm", "frozen", "SSL, section 4.1: BN frozen"),
        ("method.network.module.trunk.units.batch_norm", "frozen", "SSL, section 4.1: BN frozen"),
        ("method.steps", 20_000, "SSL, section 4.1: 20K"),
        ("counted.main", 20_000, "SSL, section 4.1: max_iter"),
        ("method.optimizer.learning_rate", 0.0005, "SSL, section 4.1: 0.0005"),
    ],
}

STRUCTURAL_VOC: dict[str, list[Row]] = {
    f"structural/voc_{name}{stage}_paper.py": [*SHARED, *ON_RESNET, *stages, *rows]
    for stage, stages in STAGES.items()
    for name, rows in {**LOSSES, **ON_VOC_ALONE}.items()
}
STRUCTURAL_VOC |= {
    f"structural/voc_plus_{name}{stage}_paper.py": [*SHARED, *ON_XCEPTION, *stages, *rows]
    for stage, stages in STAGES.items()
    for name, rows in LOSSES.items()
}
STRUCTURAL_VOC["structural/voc_watched_paper.py"] = STRUCTURAL_VOC["structural/voc_ssl_stage1_paper.py"]
"""The same training, with more logged."""
