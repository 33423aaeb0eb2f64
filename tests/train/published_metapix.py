"""The published numbers of the MetaPix paper's recipes, as `published` has those of the others.

MP is Jian and Gao, Image and Vision Computing 2021, with its released code; HRSelect is Sun et al., CVPR 2019, its
supplement; PixelDA is Bousmalis et al., CVPR 2017, with its released code; the letters are those of `published`.
"""

from typing import Any

from tests.train.published_adversarial import DISCRIMINATORS
from tests.train.published_max_squares import in_warm_start

Row = tuple[str, Any, str]

ADAM: list[Row] = [
    ("method.optimizer.type", "Adam", "MP, section 4: Adam"),
    ("method.optimizer.learning_rate", 1e-4, "MP, section 4"),
    ("method.optimizer.b1", 0.9, "MP, section 4: Adam"),
    ("method.optimizer.b2", 0.999, "MP, section 4: Adam"),
    ("method.optimizer.schedule.power", 0.9, "MP, section 4: poly"),
    ("method.optimizer.schedule.warmup", 0.0, "MP, section 4: the rate starts at 1e-4"),
    ("method.optimizer.schedule.stretch", 1.0, "MP, section 4: poly, to the end"),
]
NO_DECAY: list[Row] = [("method.optimizer.weight_decay", 0.0, "MP, section 4: none is named")]
META_TRAINING: list[Row] = [
    ("batch", 1, "MP, section 4: one image a domain"),
    *ADAM,
    ("method.network.classes", 19, "the 19 classes of Cityscapes"),
    ("method.network.module.variant", "metapix", "MP code: FCN-8s of its own"),
    ("method.network.module.dropout", 0.5, "MP code"),
    ("augment.resize.size", (512, 1024), "MP, section 4: 1024x512"),
    ("augmentations", ("mirror",), "MP code: no crop, no scales"),
    ("augment.mirror.probability", 0.5, "MP code: random flip"),
    ("evaluation.size", (512, 1024), "MP, section 4: 1024x512"),
    ("evaluation.scales", (), "MP code: at that size alone"),
]
OF_VARIANT = ("method.network.module.variant", "method.network.module.dropout")
META_BOTH: list[Row] = [
    *META_TRAINING,
    ("data.name", "gta5", "source"),
    ("data.resize", (512, 1024), "MP, section 4: 1024x512"),
    ("target.name", "cityscapes", "target"),
    ("augment.mirror.domain", "target", "MP code: the target alone is flipped"),
]
L_S_AND_L_T: list[Row] = [
    ("method.objective.source.weight", 1.0, "MP, eq. 6: L_s + L_t"),
    ("method.objective.target.weight", 1.0, "MP, eq. 6: L_s + L_t"),
    ("method.objective.target.domain", "target", "MP: the target is labelled"),
]
META_JOINT: list[Row] = [
    *META_BOTH,
    *NO_DECAY,
    ("method.steps", 150_000, "MP, Algorithm 1: N1"),
    *L_S_AND_L_T,
]
META_PIX: list[Row] = [
    *META_BOTH,
    ("method.joint_steps", 150_000, "MP, Algorithm 1: N1"),
    ("method.meta_steps", 10_000, "MP, Algorithm 1: N2"),
    ("method.weighted_steps", 15_000, "MP, Algorithm 1: N3"),
    ("method.generations", 3, "MP, Algorithm 1: G"),
    ("method.network.module.split", 1, "MP, section 4: split at the first block"),
    ("method.over", "all", "MP, eq. 1: 1/HW"),
    ("method.inner_rate", None, "MP code: the segmentation network's current rate"),
    ("method.weighting_optimizer.learning_rate", 1e-4, "MP, section 4"),
    ("method.weighting_optimizer.b1", 0.9, "MP, section 4: Adam with the same parameters"),
    ("method.weighting_optimizer.b2", 0.999, "MP, section 4: Adam with the same parameters"),
    ("method.weighting.channels", 23, "MP code: image and 20 one-hot channels"),
    ("method.weighting.module.width", 64, "MP code"),
    ("method.weighting_optimizer.schedule.type", "Constant", "MP, section 4: no decay"),
]
FROM_SYNTHIA: list[Row] = [
    ("data.name", "synthia", "source"),
    ("data.classes", 19, "MP code: ids of all 19 classes"),
    ("data.lane_marking", "ignore", "MP code: id 22 has no class"),
    ("data.all_train", True, "MP, section 4.1: 9,400 images"),
]
META_W1: list[Row] = [*META_PIX, ("method.weighting.module.pairs", 1, "MP: W^1")]
AS_WRITTEN: list[Row] = [
    *NO_DECAY,
    ("method.weighting_optimizer.weight_decay", 0.0, "MP, section 4: none is named"),
    ("method.weighted_optimizer", None, "MP, section 4: one Adam"),
    ("method.reset", False, "MP, Algorithm 1 draws it once"),
    ("method.virtual_network", None, "MP, eq. 4: the same network"),
]

HR_SELECT: list[Row] = [
    *META_JOINT,
    ("method.compared", "predictions", "HRSelect, supplement: predictions, not images"),
    ("method.weighting.module.pairs", 1, "MP, Table 1: W^1"),
    ("method.weighting.channels", 19, "HRSelect, supplement: predictions of 19 classes"),
    ("method.weighting_optimizer.learning_rate", 1e-4, "MP, section 4, of HRSelect"),
    ("method.weighting_optimizer.b1", 0.9, "MP, section 4, of HRSelect"),
    ("method.weighting_optimizer.b2", 0.999, "MP, section 4, of HRSelect"),
]
HR_SELECT_GAME: list[Row] = [row for row in HR_SELECT if row[0] not in OF_VARIANT]
PIXEL_DA: list[Row] = [
    *META_JOINT,
    ("method.generator.module.width", 64, "PixelDA code: resnet_filters 64"),
    ("method.generator.module.blocks", 6, "PixelDA code: resnet_blocks 6"),
    ("method.noise", 10, "PixelDA code: noise_dims 10"),
    ("method.discriminator.module.width", 64, "PixelDA code: num_discriminator_filters 64"),
    ("method.discriminator.module.dropout", 0.1, "PixelDA code: keep 0.9"),
    ("method.discriminator.module.noise", 0.2, "PixelDA code: noise_stddev 0.2"),
    ("method.weights.domain", 1.0, "PixelDA code: domain_loss_weight"),
    ("method.weights.adversarial", 1.0, "PixelDA code: style_transfer_loss_weight"),
    ("method.weights.content", 1.0, "PixelDA code: transferred_similarity_loss_weight"),
    ("method.weights.task", 1.0, "PixelDA code: task_loss_in_g_weight"),
    ("method.weights.original", 1.0, "PixelDA code: source_task_loss_weight"),
    *(
        (f"method.{player}_optimizer.{field}", value, "PixelDA code")
        for player in ("generator", "discriminator")
        for field, value in (
            ("learning_rate", 1e-4),
            ("b1", 0.5),
            ("weight_decay", 1e-5),
            ("schedule.every", 20_000),
            ("schedule.factor", 0.95),
        )
    ),
]


def _from_synthia(rows: list[Row]) -> list[Row]:
    """The rows of a recipe from GTA5, with SYNTHIA as its source."""
    return [*(row for row in rows if row[0] != "data.name"), *FROM_SYNTHIA]


FROM_GTA5: dict[str, list[Row]] = {
    "metapix/gta5_to_cityscapes_paper.py": [
        *META_W1,
        *AS_WRITTEN,
    ],
    "metapix/gta5_to_cityscapes_w19_paper.py": [
        *META_PIX,
        *AS_WRITTEN,
        ("method.weighting.module.pairs", 19, "MP, Table 3: W^19"),
    ],
    "metapix/gta5_to_cityscapes_released_paper.py": [
        *META_W1,
        ("method.optimizer.weight_decay", 1e-4, "MP code"),
        ("method.optimizer.groups.bias", 2.0, "MP code: biases at twice the rate"),
        ("method.weighting_optimizer.weight_decay", 1e-4, "MP code"),
        ("method.weighted_optimizer.learning_rate", 5e-5, "MP code, stage FCN with W"),
        ("method.weighted_optimizer.weight_decay", 1e-4, "MP code"),
        ("method.weighted_optimizer.b1", 0.9, "MP, section 4: Adam"),
        ("method.weighted_optimizer.b2", 0.999, "MP, section 4: Adam"),
        ("method.weighted_optimizer.groups.bias", 2.0, "MP code"),
        ("method.weighted_optimizer.schedule.power", 0.9, "MP code: poly begins anew"),
        ("method.reset", True, "MP code: W is built anew"),
        ("method.virtual_network.module.rectified", True, "MP code: ReLU after the scores"),
        ("method.virtual_network.module.split", 1, "MP code"),
    ],
    "metapix/gta5_to_cityscapes_joint_paper.py": META_JOINT,
    "metapix/gta5_to_cityscapes_focal_paper.py": META_JOINT,
    "metapix/gta5_to_cityscapes_gan_paper.py": [
        *META_JOINT,
        *DISCRIMINATORS,
        ("method.maps", "probabilities", "ASN, section 3.2: softmax output"),
        ("method.levels.main.weight", 0.001, "ASN: lambda_adv 0.001"),
    ],
    "metapix/gta5_to_cityscapes_fda_paper.py": [
        *META_JOINT,
        ("translate.beta", 0.01, "FDA, section 3: the first of 0.01, 0.05, 0.09"),
        ("method.objective.entropy.weight", 0.005, "FDA code: entW 0.005"),
        ("method.objective.entropy.loss.eta", 2.0, "FDA: eta 2"),
        ("method.objective.entropy.loss.epsilon", 1e-8, "FDA code"),
    ],
    "metapix/gta5_to_cityscapes_min_ent_paper.py": [
        *META_JOINT,
        ("method.objective.entropy.weight", 0.001, "ADV: lambda_ent 0.001"),
        ("method.objective.entropy.loss.normalized", True, "ADV, eq. 2: divided by log C"),
    ],
    "metapix/gta5_to_cityscapes_fine_tuned_paper.py": [
        *META_BOTH,
        *NO_DECAY,
        *in_warm_start([*ADAM, *NO_DECAY]),
        ("terms", ("target",), "MP, Table 1: the target at last"),
        ("method.objective.target.weight", 1.0, "MP, eq. 4: cross entropy"),
        ("method.objective.target.domain", "target", "MP, Table 1: the target at last"),
        ("method.warm_start.objective.source.weight", 1.0, "MP, eq. 1: cross entropy"),
        ("method.warm_start.objective.source.domain", "source", "MP, Table 1: the source first"),
    ],
    "metapix/gta5_to_cityscapes_longer_paper.py": [
        *META_BOTH,
        *NO_DECAY,
        *in_warm_start([*ADAM, *NO_DECAY]),
        *in_warm_start(L_S_AND_L_T),
        *L_S_AND_L_T,
        ("method.warm_start.steps", 150_000, "MP, Table 3"),
        ("method.steps", 45_000, "MP, Table 3: 45K more"),
        ("method.network.module.split", 1, "MP, Table 3: the same network"),
    ],
    "metapix/gta5_to_cityscapes_confidence_mask_paper.py": META_JOINT,
    "metapix/gta5_to_cityscapes_hr_select_paper.py": HR_SELECT,
    "metapix/gta5_to_cityscapes_hr_select_game_paper.py": HR_SELECT_GAME,
    "metapix/gta5_to_cityscapes_pixel_da_paper.py": PIXEL_DA,
    "metapix/cityscapes_target_only_paper.py": [
        *META_TRAINING,
        *NO_DECAY,
        ("data.name", "cityscapes", "MP, Table 1: the target alone"),
        ("terms", ("source",), "MP, Table 1: the target alone"),
        ("method.objective.source.weight", 1.0, "MP, eq. 4: cross entropy"),
    ],
}

METAPIX: dict[str, list[Row]] = FROM_GTA5 | {
    f"metapix/synthia_to_cityscapes{name}_paper.py": _from_synthia(
        FROM_GTA5[f"metapix/gta5_to_cityscapes{name}_paper.py"]
    )
    for name in ("", "_joint", "_fine_tuned", "_gan", "_fda", "_min_ent", "_pixel_da", "_hr_select_game")
}
