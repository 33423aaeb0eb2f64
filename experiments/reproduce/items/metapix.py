"""MetaPix (Jian and Gao 2021): learned weights of source pixels, and joint training without them."""

from pathlib import Path

from experiments._rows import Row
from experiments.reproduce.figures import metapix
from experiments.reproduce.items._metapix_tables import FIGURE_4, TABLE_1, TABLE_2, TABLE_3
from experiments.reproduce.items.item import NOTHING, Item, named

JOINT, JOINT_CAMVID, PAPER = Path("configs/joint"), Path("configs/joint_camvid"), Path("configs/metapix")
BASELINES = (
    "target_only",
    "pixel_da",
    "focal",
    "joint",
    "fine_tuned",
    "gan",
    "confidence_mask",
    "hr_select",
    "hr_select_game",
    "fda",
    "min_ent",
    "longer",
    "reweight",
)
LEARNED = ("metapix", "metapix_w19")
ON_STREETS = f"{NOTHING}: 512 synthetic images and 26 real ones, all labelled"
RUNS = "metapix.streets"
COST = (
    "1 to 3 minutes a run on 2 CPU cores, PixelDA and HRSelect's game 4 to 8; rows of the same name in other items are "
    "run once"
)
PAPER_COST = (
    "not measured; a row is 150,000 to 300,000 steps of FCN-8s on two images of 512x1024, MetaPix's 30,000 meta steps "
    "on top"
)
UNSTATED = (
    "The rows marked † have no recipe in this paper: how the 0-1 mask is made, the weighting network and the "
    "generator and discriminator of HRSelect, PixelDA for segmentation, focal loss's gamma, the GAN, how long "
    "fine-tuning lasts. FDA's band, MinEnt's weight, whether the weighting network goes on from one generation to the "
    "next, and what the poly schedule counts."
)
SLIPS = (
    "Slips of the paper: its own FCN has 64.7 where 65.3 is quoted, both of the target alone; the text denies FDA and "
    "MinEnt a substantial gain over the baseline, and from GTA5 FDA is 1.8 above that own FCN; 'Target Funetuning' is "
    "spelt so; MinEnt is said to minimise entropy at the level of features, it is that of the output."
)
GAINS = (
    "Its gains are over 66.5 and 67.6, whose length of training is not given; over the run of as many steps, 66.4, the "
    "gain is 2.3."
)
UNSUPERVISED = "Its first three rows are of adaptation without labels of the target, which is not run here."


def _rows(folder: Path, names: tuple[str, ...]) -> tuple[Row, ...]:
    return tuple(Row(name, folder / f"{name}.py") for name in names)


def _splits(folder: Path, training: str) -> tuple[Row, ...]:
    """Training with the first blocks of the encoder apart: one; and two to all, by an option of the config of one."""
    config = folder / f"{training}_split1.py"
    more = {block: ("--network.module.split", str(block)) for block in metapix.BLOCKS[2:]}
    return tuple(
        named(Row(metapix.split_row(training, block), config, more.get(block, ())))
        for block in metapix.BLOCKS[1:]
    )


def _recipes(domain: str, names: tuple[str, ...]) -> tuple[Path, ...]:
    """The target alone, and then recipes from a source."""
    alone = PAPER / "cityscapes_target_only_paper.py"
    return (alone, *(PAPER / f"{domain}_to_cityscapes{name}_paper.py" for name in names))


ITEMS = (
    Item(
        name="metapix.table1",
        title="Joint training on many synthetic and few real streets: every baseline and learned weights, mIoU on "
        "the real ones",
        rows=(*_rows(JOINT, (*BASELINES, *LEARNED)), *_splits(JOINT, "metapix")),
        data=ON_STREETS,
        seeds=3,
        cost=COST,
        recipes=_recipes(
            "gta5",
            (
                "_pixel_da",
                "_focal",
                "_joint",
                "_fine_tuned",
                "_gan",
                "_confidence_mask",
                "_hr_select",
                "_hr_select_game",
                "_fda",
                "_min_ent",
                "",
                "_released",
            ),
        ),
        paper=TABLE_1,
        notes="The paper's real images are all 2,975 of Cityscapes, here they are 5% of the synthetic ones. longer and "
        "reweight (Ren et al. 2018) are no rows of its table; its MetaPix is split at block 1, metapix_split1, the "
        "other splits are Figure 4's. "
        f"{UNSUPERVISED} {SLIPS} {GAINS}",
        runs=RUNS,
        against=("joint",),
        paper_cost=PAPER_COST,
        unstated=UNSTATED,
    ),
    Item(
        name="metapix.table2",
        title="The same on synthetic streets and few images of CamVid, in CamVid's classes, mIoU on CamVid",
        rows=(*_rows(JOINT_CAMVID, (*BASELINES, *LEARNED)), *_splits(JOINT_CAMVID, "metapix")),
        data="CamVid, --target.dir CAMVID: 512 drawn streets and 18 images of CamVid, all labelled",
        seeds=3,
        cost=f"not measured; expected {COST}",
        recipes=_recipes(
            "synthia",
            ("_pixel_da", "_joint", "_fine_tuned", "_gan", "_hr_select_game", "_fda", "_min_ent", ""),
        ),
        paper=TABLE_2,
        notes="The paper's table is of SYNTHIA and Cityscapes; CamVid stands for another pair of domains, with the "
        f"rows of Table 1. {UNSUPERVISED} {SLIPS} There the gain is 0.4, over 66.3.",
        runs="metapix.camvid",
        against=("joint",),
        paper_cost=PAPER_COST,
        unstated=f"{UNSTATED} Over how many classes SYNTHIA's table is averaged, and which of its images train.",
    ),
    Item(
        name="metapix.table3",
        title="One weight a pixel, one a class, and as many steps without weights",
        rows=_rows(JOINT, ("joint", "longer", "metapix_w19", "metapix")),
        data=ON_STREETS,
        seeds=3,
        cost=COST,
        recipes=tuple(PAPER / f"gta5_to_cityscapes{name}_paper.py" for name in ("_longer", "_w19", "")),
        paper=TABLE_3,
        notes="longer is 'finetune 45K steps': joint training for as many steps as MetaPix takes on the network. It "
        "begins its second part with a fresh optimiser and schedule; joint has one schedule for all of them (ours).",
        runs=RUNS,
        paper_cost=PAPER_COST,
        unstated="How the 45,000 steps without weights begin; that the 19 weights are softmaxes over pairs, as the one "
        "is, is ours.",
    ),
    Item(
        name="metapix.figure3",
        title="Weight maps beside their source images, and histograms of the weights of each class",
        rows=_rows(JOINT, metapix.WEIGHED),
        data=ON_STREETS,
        seeds=3,
        cost=COST,
        recipes=tuple(PAPER / f"gta5_to_cityscapes{name}_paper.py" for name in ("", "_w19")),
        notes="Pictures are of the first seed, and of the first source images, not chosen ones. The paper's are of "
        "GTA5, without a scale: bright is high. Here black and white are the 1st and 99th percentile.",
        runs=RUNS,
        figure=metapix.figure3,
        paper_cost=PAPER_COST,
        unstated="Which weights are black and white, and which images these are.",
    ),
    Item(
        name="metapix.figure4",
        title="mIoU against the last block that source and target have apart, 0 to 5",
        rows=(
            *_rows(JOINT, ("target_only", *metapix.TRAININGS)),
            *(row for training in metapix.TRAININGS for row in _splits(JOINT, training)),
        ),
        data=ON_STREETS,
        seeds=3,
        cost=COST,
        recipes=tuple(
            Row(
                f"S@{block}" if block else "no split",
                PAPER / "gta5_to_cityscapes_joint_paper.py",
                ("--network.module.split", str(block), "--network.takes-domain") if block else (),
            )
            for block in metapix.BLOCKS
        ),
        paper=FIGURE_4,
        notes="The paper's figure is of direct joint training, of which MetaPix's runs are a second series (ours). "
        "There the whole VGG is five blocks, so S@5 leaves nothing in common but the score layers and fc6, fc7; the "
        "text says that it shares no parameters and equals training on the target alone. Here S@5 is the encoder of "
        "`compact`, its decoder is in common. The bars have no "
        "numbers but those of the text.",
        runs=RUNS,
        against=("joint",),
        figure=metapix.figure4,
        paper_cost="not measured; a bar is 150,000 steps of FCN-8s on two images of 512x1024",
        unstated="The bars' numbers, and the length of these runs.",
    ),
    Item(
        name="metapix.planted",
        title="Do learned weights find wrong labels? Half of the source images corrupted, and a region of the others "
        "(ours; no paper has it)",
        rows=_rows(
            JOINT, ("planted_joint", "target_only", "planted_untaught", "planted_reweight", "planted")
        ),
        data=ON_STREETS,
        seeds=5,
        cost=COST,
        runs="metapix.planted",
        against=("planted_joint", "target_only"),
        figure=metapix.planted,
    ),
)
