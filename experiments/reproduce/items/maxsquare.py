"""Maximum Squares (Chen et al. 2019): adaptation of segmentation, and classification."""

from pathlib import Path

from experiments._rows import Row
from experiments.reproduce.items.item import CAMVID, DIGITS, DUSK, NOTHING, STREETS, Item

JITTER = ("--augment.color.brightness", "0.5", "--augment.color.contrast", "0.5")
BACK = ("--data.domain", "mnist", "--target.domain", "usps")


def _adaptation(
    folder: Path, entropy: str, options: tuple[str, ...], alone: tuple[str, ...]
) -> tuple[Row, ...]:
    """Source only, every method from it, and the oracle; `alone` names configs that do their own pretraining."""
    methods = (
        "batch_statistics",
        entropy,
        "max_squares",
        "max_squares_iw",
        "max_squares_multi",
        "adapt_seg_net",
        "advent",
        "fda",
        "mean_teacher",
    )
    adapted = tuple(
        Row(name, folder / f"{name}.py", options, after=None if name in alone else "source")
        for name in methods
    )
    ensemble = Row("advent+min_ent", together=("advent", entropy))
    return (
        Row("source", folder / "source.py", options),
        *adapted,
        ensemble,
        Row("oracle", folder / "oracle.py", options),
    )


def _digits(options: tuple[str, ...]) -> tuple[Row, ...]:
    return tuple(
        Row(name, DIGITS / f"{name}.py", options) for name in ("source", "dann", "entropy", "max_squares")
    )


GTA5_TABLE = {
    "source only": 36.9,
    "AdaptSegNet": 42.4,
    "MinEnt": 42.3,
    "AdvEnt+MinEnt": 44.8,
    "MinEnt, their own": 42.2,
    "MaxSquare": 44.3,
    "MaxSquare+IW": 45.2,
    "MaxSquare+IW+Multi": 46.4,
}

ITEMS = (
    Item(
        name="maxsquare.gta5",
        title="Adaptation from synthetic to real streets, mIoU on the target",
        rows=_adaptation(STREETS, "entropy", (), alone=("max_squares_multi",)),
        data=NOTHING,
        seeds=3,
        cost="15 to 25 minutes on 2 CPU cores",
        recipes=tuple(
            Path("configs") / name
            for name in (
                "gta5/deeplab_v2.py",
                "min_ent/gta5_to_cityscapes_paper.py",
                "max_squares/gta5_to_cityscapes_paper.py",
                "max_squares/gta5_to_cityscapes_iw_paper.py",
                "max_squares/gta5_to_cityscapes_multi_paper.py",
                "adapt_seg_net/gta5_to_cityscapes_paper.py",
                "advent/gta5_to_cityscapes_paper.py",
                "fda/gta5_to_cityscapes_paper.py",
                "mean_teacher/gta5_to_cityscapes_paper.py",
                "cityscapes/deeplab_v2.py",
            )
        ),
        paper=GTA5_TABLE,
        notes="GTA5 and Cityscapes are stood in for by the two domains of `streets`, ResNet-101 by `compact`.",
    ),
    Item(
        name="maxsquare.dusk",
        title="Adaptation from day to dusk on CamVid, mIoU on the dusk sequence (ours; no paper has this table)",
        rows=_adaptation(DUSK, "min_ent", (), alone=()),
        data=CAMVID,
        seeds=3,
        cost="20 to 30 minutes on 2 CPU cores",
    ),
    Item(
        name="maxsquare.dusk_jitter",
        title="The same with brightness and contrast jitter of 0.5 for every method (ours)",
        rows=_adaptation(DUSK, "min_ent", JITTER, alone=()),
        data=CAMVID,
        seeds=3,
        cost="20 to 30 minutes on 2 CPU cores",
    ),
    Item(
        name="maxsquare.office31",
        title="Classification, USPS to MNIST in place of Office-31, accuracy on the target",
        rows=_digits(()),
        data="USPS and MNIST, --data.dir DIGITS --target.dir DIGITS",
        seeds=5,
        cost="10 minutes on 2 CPU cores",
        recipes=tuple(
            Path("configs") / f"{name}/office31_paper.py"
            for name in ("source_only", "dann", "min_ent", "max_squares")
        ),
        paper={"ResNet-50": 76.1, "DANN": 82.2, "EntMin": 84.1, "MaxSquare": 85.6},
        notes="The paper's figures are means over the six pairs of Office-31.",
    ),
    Item(
        name="maxsquare.office31_back",
        title="Classification, MNIST to USPS, accuracy on the target",
        rows=_digits(BACK),
        data="USPS and MNIST, --data.dir DIGITS --target.dir DIGITS",
        seeds=5,
        cost="10 minutes on 2 CPU cores",
    ),
)
