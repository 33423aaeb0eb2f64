"""Published numbers of the structural similarity loss's recipes on Cityscapes, in the form of `published.TABLE`.

SSL is Zhao et al. 2019 (arXiv 1910.08711); DL3 is DeepLabv3, Chen et al. 2017, to which it refers for the rest.
"""

from typing import Any

Row = tuple[str, Any, str]

SHARED: list[Row] = [
    ("data.name", "cityscapes", "SSL, section 4.1"),
    ("method.network.classes", 19, "SSL, section 4.1: 19 classes"),
    ("method.network.module.trunk.depth", 101, "SSL, section 4.1: ResNet-101"),
    ("method.network.module.trunk.output_stride", 16, "SSL, section 4.1: always 16"),
    ("method.network.module.trunk.multi_grid", (1, 2, 4), "DL3: multi-grid"),
    ("train_split", "train", "SSL, section 4.1: train"),
    ("data.resize", None, "SSL, section 4.1: native images"),
    ("method.steps", 90_000, "SSL, section 4.1: 90K"),
    ("counted.main", 90_000, "SSL, section 4.1: max_iter"),
    ("method.optimizer.learning_rate", 0.007, "SSL, section 4.1: 0.007"),
    ("method.optimizer.schedule.power", 0.9, "SSL, section 4.1: poly 0.9"),
    ("method.optimizer.schedule.warmup", 100, "SSL, section 4.1: slow start of 100 steps"),
    ("method.optimizer.momentum", 0.9, "DL3"),
    ("method.optimizer.weight_decay", 1e-4, "DL3: 1e-4 for ResNet"),
    ("batch", 8, "SSL, section 4.1: batch 8"),
    ("augment.crop.size", (669, 669), "SSL, section 4.1: crop 669"),
    ("native.crop", (0.75, 1.25), "SSL, section 4.1: scales 0.75 to 1.25"),
    ("augment.crop.flip", True, "SSL, section 4.1: flips"),
    ("evaluation.size", None, "SSL, section 4.1: original images"),
    ("evaluation.scales", (), "SSL, section 4.1: single-scale inference"),
    ("evaluation.flip", False, "SSL, section 4.1: single-scale inference"),
]
LOSSES: dict[str, list[Row]] = {
    "ce": [
        ("terms", ("source",), "SSL, table 6: CE"),
        ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "SSL, table 6: CE"),
        ("method.objective.source.weight", 1.0, "SSL, Eq. 1"),
    ],
    "bce": [
        ("terms", ("source",), "SSL, table 6: BCE"),
        ("method.objective.source.loss.type", "SigmoidCrossEntropy", "SSL, table 6: BCE"),
        ("method.objective.source.weight", 1.0, "SSL, Eq. 1"),
    ],
    "ssl": [
        ("method.objective.source.loss.type", "SigmoidCrossEntropy", "SSL, Eq. 17"),
        ("method.objective.source.weight", 0.5, "SSL, Eq. 17: lambda 0.5"),
        ("method.objective.structure.weight", 0.5, "SSL, Eq. 17: 1 - lambda"),
        ("method.objective.structure.loss.size", 3, "SSL, table 6: 3"),
        ("method.objective.structure.loss.sigma", 1.5, "SSL, section 3: 1.5"),
        ("method.objective.structure.loss.beta", 0.1, "SSL, table 3: 0.10"),
        ("method.objective.structure.loss.c4", 0.01, "SSL, Eq. 10: 0.01"),
    ],
}
ON_VOC_ALONE: dict[str, list[Row]] = {
    "ssim": [
        ("method.objective.structure.loss.type", "SSIM", "SSL, table 2: SSIM"),
        ("method.objective.structure.loss.size", 3, "SSL, table 2: 3"),
        ("method.objective.structure.loss.mean_subtracted", False, "SSL, table 2: Eq. 7"),
    ],
    "affinity": [
        (
            "method.objective.source.loss.type",
            "SoftmaxCrossEntropy",
            "Ke et al. 2018, code: with cross entropy",
        ),
        ("method.objective.affinity.weight", 1.0, "Ke et al. 2018, code: weight 1"),
        ("method.objective.source.weight", 1.0, "Ke et al. 2018, code: with cross entropy"),
        ("method.objective.affinity.loss.margin", 3.0, "Ke et al. 2018, code: margin 3"),
        ("method.objective.affinity.loss.edge_weight", 1.0, "Ke et al. 2018, code: weight 1"),
        ("method.objective.affinity.loss.inner_weight", 1.0, "Ke et al. 2018, code: weight 1"),
        ("method.objective.affinity.loss.size", 1, "SSL, table 5: 3x3 neighbours"),
    ],
}

STRUCTURAL_CITYSCAPES: dict[str, list[Row]] = {
    f"structural/cityscapes_{name}_paper.py": [*SHARED, *rows] for name, rows in LOSSES.items()
}
