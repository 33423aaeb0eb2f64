"""Published numbers of the supervised Wasserstein recipes, in the form of `published.TABLE`.

WT is Liu et al., AAAI 2020; ENET is Paszke et al. 2016 with its released code; SEGNET is Badrinarayanan et al. 2017
with its released tutorial; FCN is Long et al. 2015 with its released solvers; IAL's third-party code is
Katexiang/ERF-PSPNET, the authors' own is not released.
"""

from typing import Any

Row = tuple[str, Any, str]

ON_CITYSCAPES: list[Row] = [
    ("data.name", "cityscapes", "WT, table 1"),
    ("method.network.classes", 19, "WT, section 4.1: 19 classes"),
    ("augment.resize.size", (512, 1024), "ENET: Cityscapes at 1024x512"),
    ("evaluation.size", (512, 1024), "ENET: Cityscapes at 1024x512"),
]
NETWORKS: dict[str, list[Row]] = {
    "cityscapes_segnet": [*ON_CITYSCAPES, ("batch", 4, "SEGNET: batch of the train file")],
    "cityscapes_enet": [*ON_CITYSCAPES, ("batch", 10, "ENET: batch 10")],
    "camvid_fcn": [
        ("data.name", "camvid", "WT, table 2"),
        ("method.network.classes", 11, "WT, table 2: CamVid as IAL, 11 classes"),
        ("evaluation.size", (360, 480), "CamVid's size in the SegNet tutorial"),
        ("batch", 1, "FCN: batch 1"),
    ],
}
CROSS_ENTROPY: dict[str, tuple[int, list[Row]]] = {
    "cityscapes_segnet": (
        40_000,
        [
            ("type", "SGD", "SEGNET solver"),
            ("schedule.type", "Constant", "SEGNET solver: fixed"),
            ("learning_rate", 1e-3, "SEGNET solver: 0.001"),
            ("momentum", 0.9, "SEGNET solver"),
            ("weight_decay", 5e-4, "SEGNET solver"),
        ],
    ),
    "cityscapes_enet": (
        89_250,  # 300 passes over 2,975 images in batches of 10
        [
            ("type", "Adam", "ENET: Adam 5e-4"),
            ("schedule.type", "Stairs", "ENET: every 100 passes"),
            ("learning_rate", 5e-4, "ENET: Adam 5e-4"),
            ("weight_decay", 2e-4, "ENET: 2e-4"),
            ("schedule.factor", 0.1, "ENET: a tenth"),
            ("schedule.every", 29_750, "ENET: every 100 passes"),
        ],
    ),
    "camvid_fcn": (
        300_000,
        [
            ("type", "SGD", "FCN solver"),
            ("schedule.type", "Constant", "FCN solver: fixed"),
            ("learning_rate", 1.728e-5, "FCN solver: 1e-10 for a sum over pixels, times 360 x 480"),
            ("momentum", 0.99, "FCN solver"),
            ("weight_decay", 5e-4 / (360 * 480), "FCN solver: 5e-4 beside a sum over pixels"),
            ("groups.bias", 2.0, "FCN solver: biases at twice the rate"),
            ("groups.bias_decay", 0.0, "FCN solver: biases without decay"),
        ],
    ),
}
IMPORTANCE_AWARE: list[Row] = [
    ("method.objective.source.loss.alpha", 0.5, "IAL, third-party code: alpha 0.5"),
    ("method.objective.source.loss.offset", 2.0, "IAL, third-party code: lambda 2"),
]
LOSSES = {
    "ce": "SoftmaxCrossEntropy",
    "ial": "ImportanceAware",
    "linear": "Wasserstein",
    "square": "Wasserstein",
    "huber": "Wasserstein",
}


def _rows(network: str, loss: str) -> list[Row]:
    """What is published of a network and a loss: cross entropy is all of one recipe, and the start of the others."""
    steps, optimizer = CROSS_ENTROPY[network]
    place = "method" if loss == "ce" else "method.warm_start"
    rows: list[Row] = [
        *NETWORKS[network],
        ("method.objective.source.loss.type", LOSSES[loss], "WT, tables 1 and 2"),
        (f"{place}.steps", steps, "the network's own: length of its training"),
        *((f"{place}.optimizer.{name}", value, source) for name, value, source in optimizer),
    ]
    if loss != "ce":
        rows += [
            (
                "method.warm_start.objective.source.loss.type",
                "SoftmaxCrossEntropy",
                "WT, section 4: pre-trained with cross entropy",
            ),
            *(
                (f"method.optimizer.{name}", value, source)
                for name, value, source in optimizer
                if name not in ("learning_rate", "schedule.every")  # those of the second part are ours
            ),
        ]
    if loss == "ial":
        rows += IMPORTANCE_AWARE
    return rows


WASSERSTEIN_TABLE: dict[str, list[Row]] = {
    f"wasserstein/{network}_{loss}_paper.py": _rows(network, loss) for network in NETWORKS for loss in LOSSES
}
