"""Every published number of the papers' recipes: where it stands in an experiment, what it is, and who says so.

Written from the papers and the released code, not from the recipes. Sources in short: MS is Chen, Xue and Cai, ICCV
2019, with its released code (ZJULearning/MaxSquareLoss); ASN is AdaptSegNet, Tsai et al., CVPR 2018
(wasidennis/AdaptSegNet); ADV is AdvEnt, Vu et al., CVPR 2019 (valeoai/ADVENT), and ADV-S what its authors say of
SYNTHIA (its issue 12, and their code of another paper, valeoai/DADA); FDA is Yang and Soatto, CVPR 2020
(YanchaoYang/FDA); DACS is Tranheden et al., WACV 2021 (vikolss/DACS); DANN is Ganin and Lempitsky, ICML 2015; TLL is
thuml/Transfer-Learning-Library. The Conservative loss and self-training have files of their own.

A path is that of a field of the experiment, or one of those that `test_paper_recipes.py` derives from some.
"""

from typing import Any

from tests.train.published_conservative import CONSERVATIVE_TABLE
from tests.train.published_max_squares import (
    CITIES,
    CITYSCAPES_HALF,
    GTA5,
    MAX_SQUARES_TABLE,
    ONE_IMAGE,
    SGD_OF_DEEPLAB,
    SYNTHIA,
)
from tests.train.published_metapix import METAPIX
from tests.train.published_self_training import SELF_TRAINING_TABLE
from tests.train.published_structural_cityscapes import STRUCTURAL_CITYSCAPES
from tests.train.published_structural_voc import STRUCTURAL_VOC
from tests.train.published_wasserstein import WASSERSTEIN_TABLE

Row = tuple[str, Any, str]

TWO_HEADS: list[Row] = [
    ("method.objective.source.weight", 1.0, "ASN, ADV: weight of the main head"),
    ("method.objective.source_aux.weight", 0.1, "ASN: lambda_seg 0.1; ADV the same"),
]
FROZEN_AFFINE: list[Row] = [
    ("method.optimizer.groups.norm", 0.0, "ASN, ADV, FDA, DACS code: batch-norm scales and biases are fixed")
]
DISCRIMINATORS: list[Row] = [
    ("method.discriminator_optimizer.learning_rate", 1e-4, "ASN, section 4; ADV"),
    ("method.discriminator_optimizer.b1", 0.9, "ASN, ADV: betas (0.9, 0.99)"),
    ("method.discriminator_optimizer.b2", 0.99, "ASN, ADV: betas (0.9, 0.99)"),
    ("method.discriminator_optimizer.weight_decay", 0.0, "ASN, ADV code: none"),
    ("method.discriminator_optimizer.schedule.power", 0.9, "ASN, ADV: the same poly"),
    ("method.discriminator.module.width", 64, "ASN, section 4: 64, 128, 256, 512, 1"),
]
LEVELS: list[Row] = [
    ("method.levels.main.weight", 0.001, "ASN: lambda_adv 0.001; ADV: 0.001"),
    ("method.levels.main.head", "logits", "ASN: on the last layer's prediction"),
    ("method.levels.aux.weight", 0.0002, "ASN: lambda_adv 0.0002; ADV: 0.0002"),
    ("method.levels.aux.head", "aux", "ASN: on layer 3's prediction"),
]
OF_ANY_PAIR: list[Row] = [*SGD_OF_DEEPLAB, *ONE_IMAGE, *FROZEN_AFFINE, *DISCRIMINATORS]
ADVERSARIAL: list[Row] = [
    *OF_ANY_PAIR,
    *GTA5,
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
FOURIER: list[Row] = [
    *SGD_OF_DEEPLAB,
    *ONE_IMAGE,
    *GTA5,
    *CITYSCAPES_HALF,
    *FROZEN_AFFINE,
    ("method.steps", 100_000, "FDA code: stopped after 100,000"),
    ("counted.main", 150_000, "FDA code: num_steps 150,000"),
    ("translate.beta", 0.01, "FDA, section 3: the first of 0.01, 0.05, 0.09"),
    ("augment.crop.size", (512, 1024), "FDA code: crops of 1024x512"),
    ("method.objective.target.weight", 0.005, "FDA code: entW 0.005"),
    ("method.objective.target.loss.eta", 2.0, "FDA: eta 2"),
    ("method.objective.target.loss.epsilon", 1e-8, "FDA code"),
    ("evaluation.size", (576, 1344), "FDA code: 1344x576"),
]
MINIMISED: list[Row] = [
    *SGD_OF_DEEPLAB,
    *ONE_IMAGE,
    *FROZEN_AFFINE,
    *TWO_HEADS,
    ("method.objective.target.weight", 0.001, "ADV: lambda_ent 0.001"),
    ("method.objective.target_aux.weight", 0.0002, "ADV: lambda_ent 0.0002"),
    ("method.objective.target.loss.normalized", True, "ADV, eq. 2: divided by log C"),
]
SOFTMAX_GAME: list[Row] = [
    ("method.maps", "probabilities", "ASN, section 3.2: softmax output"),
    ("type.loss", "AdversarialCrossEntropy", "ASN, eq. 2"),
]
OFFICE: list[Row] = [
    ("data.name", "office31-amazon", "MS, Table of classification: A to W first"),
    ("target.name", "office31-webcam", "MS, Table of classification: A to W first"),
    ("method.network.classes", 31, "Office-31"),
    ("method.network.module.trunk.depth", 50, "MS: ResNet-50"),
    ("data.resize", (256, 256), "TLL: resize 256"),
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
    "min_ent/gta5_to_cityscapes_paper.py": [*MINIMISED, *GTA5, *CITYSCAPES_HALF, *STOPPED_AT_120],
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
        *LEVELS[:2],
        *STOPPED_AT_150,
        *SOFTMAX_GAME,
    ],
    "adapt_seg_net/gta5_to_cityscapes_single_paper.py": [
        *ADVERSARIAL,
        *LEVELS[:2],
        *STOPPED_AT_150,
        ("type.loss", "AdversarialCrossEntropy", "ASN, eq. 2"),
    ],
    "adapt_seg_net/gta5_to_cityscapes_least_squares_paper.py": [
        *ADVERSARIAL,
        *STOPPED_AT_150,
        ("method.levels.main.weight", 0.01, "ASN code: LS-GAN with 0.01"),
        ("type.loss", "AdversarialLeastSquares", "ASN code: --gan LS"),
    ],
    "advent/gta5_to_cityscapes_paper.py": [
        *ADVERSARIAL,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_120,
        ("method.maps", "self_information", "ADV, section 3.2"),
        ("type.loss", "AdversarialCrossEntropy", "ADV, eq. 5"),
    ],
    "advent/synthia_to_cityscapes_paper.py": [
        *OF_ANY_PAIR,
        *FROM_SYNTHIA,
        *TWO_HEADS,
        *LEVELS,
        *STOPPED_AT_90,
        ("counted.discriminator", 90_000, "ADV-S: the same count"),
        ("method.discriminator.channels", 16, "ASN, section 3.2: C maps"),
        ("method.maps", "self_information", "ADV, section 3.2"),
        ("type.loss", "AdversarialCrossEntropy", "ADV, eq. 5"),
    ],
    "fda/gta5_to_cityscapes_paper.py": FOURIER,
    "fda/gta5_to_cityscapes_self_trained_paper.py": [
        *FOURIER,
        ("method.labels", "fda", "FDA, section 3.3"),
        ("method.rounds", 1, "FDA: each further round is one more such run"),
        ("method.portion.start", 0.34, "FDA code: above the 66th percentile"),
        ("method.cap", 0.9, "FDA code: thresholds are at most 0.9"),
        ("method.flip", False, "FDA code: no mirrored images"),
        ("method.objective.labelled.weight", 1.0, "FDA code: CE(pseudo) with weight 1"),
        ("teachers", 3, "FDA, section 3.2: mean of three bands"),
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
        *GTA5,
        *CITYSCAPES_HALF,
        *FROZEN_AFFINE,
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
