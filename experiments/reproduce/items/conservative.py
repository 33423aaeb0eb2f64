"""The Conservative loss (Zhu et al. 2018): the game, its components, hyper-parameters, starts and losses."""

from collections.abc import Mapping
from pathlib import Path

from experiments._rows import Row
from experiments.reproduce.items.item import CAMVID, DUSK, NOTHING, STREETS, Item

BASES = {"a=2": 2.0, "a=3": 3.0, "a=4": 4.0}
SCALES = {"lambda=1": 1.0, "lambda=10": 10.0, "lambda=20": 20.0}
LOSSES = ("focal", "loss1", "loss2", "loss3", "switched")
NOTES = {
    "table1": "Our control, batch_statistics, sees the target only in its batch normalisation.",
    "table2": "The paper's figures are over 16 classes.",
    "table3": "In no_game cross entropy goes on for as many steps as the game has: what the steps alone gain.",
    "table4": "The row called conservative has a = e and lambda = 5.",
    "table5": "The paper's [14] is LSD-seg. Cold starts from random weights, with the loss clamped to 10.",
    "table6": "The factors of Loss1 to Loss3 are not printed; ours are in the configs. switched is ours.",
}
PAPER: Mapping[str, Mapping[str, float]] = {
    "table1": {
        "NoAdapt (DilatedNet)": 21.1,
        "FCNWild": 27.1,
        "NoAdapt (FCN8s)": 22.3,
        "CDA": 28.9,
        "Tsai et al.": 35.0,
        "Ours-NoAdapt": 30.0,
        "Ours": 38.1,
    },
    "table2": {
        "NoAdapt (DilatedNet)": 17.4,
        "FCNWild": 20.2,
        "NoAdapt (FCN8s)": 22.0,
        "CDA": 29.0,
        "Ours-NoAdapt": 24.9,
        "Ours": 34.2,
        "Tsai et al., 13 classes": 37.6,
        "Ours, 13 classes": 40.3,
    },
    "table3": {"CE": 30.0, "GAN+CE": 34.4, "GAN+CL": 38.1},
    "table4": {
        "a=2": 37.5,
        "a=e, lambda=5": 38.1,
        "a=3": 37.3,
        "a=4": 36.8,
        "lambda=1": 37.2,
        "lambda=10": 37.9,
        "lambda=20": 37.8,
    },
    "table5": {"[14]": 28.9, "cold start": 35.2, "warm start": 38.1},
    "table6": {"CE": 34.4, "FL": 35.8, "Loss1": 36.5, "Loss2": 36.7, "Loss3": 37.8, "CL": 38.1},
}
RECIPES = {
    domain: Path(f"configs/conservative/{domain}_to_cityscapes_paper.py") for domain in ("gta5", "synthia")
}


def _rows(folder: Path) -> dict[str, tuple[Row, ...]]:
    """The rows of each table; those of one name are one run."""

    def game(name: str = "", *options: str) -> Row:
        config = "conservative" + (f"_{name}" if name and not options else "")
        return Row(name or config, folder / f"{config}.py", options, after="source")

    def given(values: Mapping[str, float], field: str) -> tuple[Row, ...]:
        option = f"--objective.source.loss.{field}"
        return tuple(game(name, option, str(value)) for name, value in values.items())

    source, oracle = (Row(name, folder / f"{name}.py") for name in ("source", "oracle"))
    control = Row("batch_statistics", folder / "batch_statistics.py", after="source")
    cold = Row("cold", folder / "conservative_cold.py")
    lsd = (game("lsd"),) if (folder / "conservative_lsd.py").is_file() else ()
    whole = (source, control, game(), oracle)
    return {
        "table1": whole,
        "table2": whole,
        "table3": (source, game("no_game"), control, game("ce"), game()),
        "table4": (source, *given(BASES, "base"), game(), *given(SCALES, "scale")),
        "table5": (source, *lsd, cold, game()),
        "table6": (source, game("ce"), *map(game, LOSSES), game()),
    }


TITLES = {
    "table1": "The game from GTA5 to Cityscapes",
    "table2": "The game from SYNTHIA to Cityscapes",
    "table3": "Components: cross entropy, the game, the Conservative loss",
    "table4": "The Conservative loss's a and lambda",
    "table5": "Cold and warm start",
    "table6": "Losses in the game",
}


def _item(table: str, folder: Path) -> Item:
    dusk = folder == DUSK
    name = f"conservative.{table}" + ("_dusk" if dusk and table != "table2" else "")
    source = "from day to dusk on CamVid" if dusk else "from synthetic to real streets"
    recipes = {"table1": (RECIPES["gta5"],), "table2": (RECIPES["synthia"],)}
    return Item(
        name=name,
        title=f"{TITLES[table]}, {source}",
        rows=_rows(folder)[table],
        data=CAMVID if dusk else NOTHING,
        seeds=3,
        cost="about 2 minutes a run on 2 CPU cores; rows of the same name in other tables are run once",
        recipes=recipes.get(table, (RECIPES["gta5"],)),
        paper=PAPER[table],
        notes=NOTES[table],
        runs="conservative.dusk" if dusk else "conservative.streets",
    )


ITEMS = (
    _item("table1", STREETS),
    _item("table2", DUSK),
    *(
        _item(table, folder)
        for table in ("table3", "table4", "table5", "table6")
        for folder in (STREETS, DUSK)
    ),
)
