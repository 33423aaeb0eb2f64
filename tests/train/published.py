"""Published numbers of the papers' recipes: where each stands in an experiment, what it is, and who says so.

Written from the papers and the released code, not from the recipes. Sources in short: MS is Chen, Xue and Cai, ICCV
2019, with its released code (ZJULearning/MaxSquareLoss); ASN is AdaptSegNet, Tsai et al., CVPR 2018
(wasidennis/AdaptSegNet); ADV is AdvEnt, Vu et al., CVPR 2019 (valeoai/ADVENT), and ADV-S what its authors say of
SYNTHIA (its issue 12, and their code of another paper, valeoai/DADA); FDA is Yang and Soatto, CVPR 2020
(YanchaoYang/FDA); DACS is Tranheden et al., WACV 2021 (vikolss/DACS); DANN is Ganin and Lempitsky, ICML 2015; TLL is
thuml/Transfer-Learning-Library. The methods with many recipes have files of their own.

A path is that of a field of the experiment, with `.type` at its end that of a field's class, or one of those that
`test_paper_recipes.py` derives from some.
"""

from typing import Any

from tests.train.published_adversarial import ADVERSARIAL_TABLE, FROZEN_AFFINE
from tests.train.published_conservative import CONSERVATIVE_TABLE
from tests.train.published_max_squares import (
    BATCH_STATISTICS,
    CITYSCAPES_HALF,
    GTA5,
    MAX_SQUARES_TABLE,
    ONE_IMAGE,
    RESNET_101,
    SGD_OF_DEEPLAB,
)
from tests.train.published_metapix import METAPIX
from tests.train.published_self_training import SELF_TRAINING_TABLE
from tests.train.published_structural_cityscapes import STRUCTURAL_CITYSCAPES
from tests.train.published_structural_voc import STRUCTURAL_VOC
from tests.train.published_wasserstein import WASSERSTEIN_TABLE

Row = tuple[str, Any, str]

FOURIER: list[Row] = [
    *SGD_OF_DEEPLAB,
    *RESNET_101,
    *BATCH_STATISTICS[:1],
    *ONE_IMAGE,
    *GTA5,
    *CITYSCAPES_HALF,
    *FROZEN_AFFINE,
    ("method.steps", 100_000, "FDA code: stopped after 100,000"),
    ("counted.main", 150_000, "FDA code: num_steps 150,000"),
    ("translate.beta", 0.01, "FDA, section 3: the first of 0.01, 0.05, 0.09"),
    ("augmentations", ("crop",), "FDA code: no flip"),
    ("augment.crop.size", (512, 1024), "FDA code: crops of 1024x512"),
    ("method.objective.source.weight", 1.0, "FDA code: CE with weight 1"),
    ("method.objective.source.loss.type", "SoftmaxCrossEntropy", "FDA code: CE with weight 1"),
    ("method.objective.target.weight", 0.005, "FDA code: entW 0.005"),
    ("method.objective.target.loss.eta", 2.0, "FDA: eta 2"),
    ("method.objective.target.loss.epsilon", 1e-8, "FDA code"),
    ("evaluation.size", (576, 1344), "FDA code: 1344x576"),
    ("evaluation.scales", (), "FDA code: at that size alone"),
    ("target.resize", None, "FDA code: scored at 2048x1024"),
]
OFFICE: list[Row] = [
    ("data.name", "office31-amazon", "MS, Table of classification: A to W first"),
    ("target.name", "office31-webcam", "MS, Table of classification: A to W first"),
    ("method.network.classes", 31, "Office-31"),
    ("method.network.module.trunk.depth", 50, "MS: ResNet-50"),
    ("data.resize", (256, 256), "TLL: resize 256"),
    ("target.resize", (256, 256), "TLL: resize 256"),
    ("augmentations", ("crop", "mirror"), "TLL: RandomResizedCrop, horizontal flip"),
    ("augment.crop.size", (224, 224), "TLL: RandomResizedCrop(224)"),
    ("augment.crop.area", (0.08, 1.0), "TLL: scale 0.08 to 1"),
    ("augment.crop.aspect", (3 / 4, 4 / 3), "TLL: ratio 3/4 to 4/3"),
    ("augment.mirror.probability", 0.5, "TLL: horizontal flip"),
    ("method.optimizer.momentum", 0.9, "TLL"),
    ("method.optimizer.weight_decay", 1e-3, "TLL"),
    ("method.optimizer.groups.head", 10.0, "TLL: trunk at a tenth"),
    ("method.optimizer.schedule.power", 0.75, "TLL: lr_decay; DANN, section 4: beta"),
    ("method.forward", "concatenated", "TLL: one forward pass"),
]
OFFICE_MCC: list[Row] = [
    *OFFICE,
    ("batch", 36, "TLL, mcc.py: batch-size 36"),
    ("method.steps", 10_000, "TLL, mcc.sh: 20 epochs of 500"),
    ("rate.head", 0.005, "TLL, mcc.py: lr 0.005"),
    ("method.network.module.bottleneck", 1024, "TLL, mcc.sh: bottleneck-dim 1024"),
    ("decay.per_step", 0.001, "TLL: lr_gamma 0.001"),
    ("method.objective.target.weight", 1.0, "TLL, mcc.py: trade-off 1"),
]

TABLE: dict[str, list[Row]] = {
    **METAPIX,
    **ADVERSARIAL_TABLE,
    **CONSERVATIVE_TABLE,
    **SELF_TRAINING_TABLE,
    **STRUCTURAL_CITYSCAPES,
    **WASSERSTEIN_TABLE,
    **STRUCTURAL_VOC,
    **MAX_SQUARES_TABLE,
    "max_squares/office31_paper.py": OFFICE_MCC,
    "source_only/office31_paper.py": [
        row for row in OFFICE_MCC if not row[0].startswith("method.objective.target")
    ],
    "min_ent/office31_paper.py": [
        *OFFICE_MCC,
        ("method.objective.target.loss.normalized", False, "MS: -1/N sum p log p, in nats"),
    ],
    "fda/gta5_to_cityscapes_paper.py": FOURIER,
    "fda/gta5_to_cityscapes_self_trained_paper.py": [
        *FOURIER,
        ("method.warm_start", None, "FDA code: from the first weights again"),
        ("method.labels", "fda", "FDA, section 3.3"),
        ("method.rounds", 1, "FDA: each further round is one more such run"),
        ("method.portion.start", 0.34, "FDA code: above the 66th percentile"),
        ("method.cap", 0.9, "FDA code: thresholds are at most 0.9"),
        ("method.policy", "class", "FDA code: a threshold for each class"),
        ("method.scales", (0.5,), "FDA code: labels are made at half of 2048x1024"),
        ("labelled.widths", (1024,), "FDA code: labels are made at 1024x512"),
        ("method.flip", False, "FDA code: no mirrored images"),
        ("method.average", "separate", "FDA code: each cross entropy is its own image's mean"),
        ("method.objective.labelled.weight", 1.0, "FDA code: CE(pseudo) with weight 1"),
        ("teachers", ("01", "05", "09"), "FDA, section 3.2: mean of the bands 0.01, 0.05, 0.09"),
        ("method.teacher_average", "probabilities", "FDA, eq. 6: mean of the softmax"),
    ],
    "dann/office31_paper.py": [
        *OFFICE,
        ("batch", 64, "DANN, section 4: batches of 128, half of each domain"),
        ("method.steps", 20_000, "TLL, dann.sh: 20 epochs of 1,000"),
        ("rate.head", 0.01, "DANN, section 4: mu_0 0.01"),
        ("method.optimizer.schedule.rise", 10.0, "DANN, section 4: alpha 10"),
        ("method.gamma", 10.0, "DANN, section 4: gamma 10"),
        ("method.peak", 1.0, "DANN, section 4: 2 / (1 + exp(-gamma p)) - 1"),
        ("method.weight", 1.0, "DANN, eq. 1"),
        ("method.domain_classifier.module.widths", (1024, 1024), "DANN, section 4: x-1024-1024-2 on Office"),
        ("method.domain_classifier.channels", 256, "TLL: bottleneck 256"),
    ],
    "mean_teacher/gta5_to_cityscapes_paper.py": [
        *SGD_OF_DEEPLAB,
        *RESNET_101,
        *GTA5,
        *CITYSCAPES_HALF,
        *FROZEN_AFFINE,
        ("evaluation.size", (512, 1024), "DACS code: scored at 1024x512"),
        ("evaluation.scales", (), "DACS code: at that size alone"),
        ("augmentations", ("crop",), "DACS code: no flip, no scales"),
        ("batch", 2, "DACS code: batch_size 2"),
        ("method.steps", 250_000, "DACS code: num_iterations"),
        ("counted.main", 250_000, "DACS code: num_iterations"),
        ("augment.crop.size", (512, 512), "DACS code: input_size 512,512"),
        ("method.decay", 0.99, "DACS code: alpha_teacher 0.99"),
        ("method.threshold", 0.968, "DACS code: 0.968"),
        ("method.color.brightness", 0.25, "DACS code: s 0.25"),
        ("method.color.contrast", 0.25, "DACS code: s 0.25"),
        ("method.color.saturation", 0.25, "DACS code: s 0.25"),
        ("method.color_share", 0.8, "DACS code: colorJitter > 0.2"),
        ("method.blur.probability", 0.5, "DACS code: blur > 0.5"),
        ("method.blur.sigma", (0.15, 1.15), "DACS code: uniform(0.15, 1.15)"),
        ("method.classes_of", "image", "DACS code: the classes of each source image"),
        ("method.predicts", "student", "DACS code: the model is evaluated, not its average"),
    ],
}
