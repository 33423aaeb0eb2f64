"""The list of tables and figures: complete, its numbers the papers', its configs whole, its figures drawn."""

import json
import statistics
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments._rows import Row
from experiments.reproduce import __main__ as command
from experiments.reproduce._paper_scale import commands
from experiments.reproduce.figures import conservative, maxsquare, structural
from experiments.reproduce.figures._drawing import of_row
from experiments.reproduce.items import ITEMS, Item
from jaxseg.errors import InputError
from jaxseg.train import load_config, with_arguments
from tests.experiments import published_tables as published

NAMES = {
    "wasserstein": ("table1", "table2", "table3", "figure1", "figure4"),
    "conservative": (
        *("table1", "table2", "table3", "table4", "table5", "table6"),
        *("figure1", "figure3", "figure4", "figure5"),
    ),
    "metapix": ("table1", "table2", "table3", "figure3", "figure4"),
    "maxsquare": ("office31", "gta5", "synthia", "crosscity", "imbalance", "prediction"),
    "structural": (
        *("table1", "table2", "table3", "table4", "table5", "table6"),
        *("figure2", "figure3", "figure4"),
    ),
}
BY_NAME = {item.name: item for item in ITEMS}


def numbers(name: str) -> dict[str, tuple[float, ...]]:
    """The printed numbers of an item, row by row in the order of the print; means that are ours left out."""
    return {
        row: tuple(value for column, value in cells.items() if "(ours)" not in column)
        for row, cells in BY_NAME[name].paper.items()
    }


@pytest.mark.fast
def test_every_table_and_figure_has_its_entry_and_no_name_is_twice() -> None:
    assert len(BY_NAME) == len(ITEMS)
    wanted = {f"{paper}.{name}" for paper, names in NAMES.items() for name in names}
    assert wanted <= BY_NAME.keys()
    for name in wanted:
        item = BY_NAME[name]
        assert all((item.title, item.data, item.cost, item.paper_cost)), name
        assert bool(item.rows) == (item.seeds > 0), name
        assert item.rows or item.figure is not None, name
        assert item.recipes or not item.rows, name
        assert ("figure" in name) == (item.figure is not None) or name.startswith("maxsquare."), name
        assert item.paper or item.figure is not None, name
        assert not any("{" in words for words in (item.cost, item.paper_cost, item.notes)), name


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("wasserstein.table1", published.WASSERSTEIN_1),
        ("wasserstein.table2", published.WASSERSTEIN_2),
        ("wasserstein.table3", published.WASSERSTEIN_3),
        ("conservative.table1", published.CONSERVATIVE_1),
        ("conservative.table2", published.CONSERVATIVE_2),
        ("conservative.table3", published.CONSERVATIVE_3),
        ("conservative.table4", published.CONSERVATIVE_4),
        ("conservative.table5", published.CONSERVATIVE_5),
        ("conservative.table6", published.CONSERVATIVE_6),
        ("structural.table1", published.STRUCTURAL_1),
        ("structural.table2", published.STRUCTURAL_2),
        ("structural.table3", published.STRUCTURAL_3),
        ("structural.table4", published.STRUCTURAL_4),
        ("structural.table5", published.STRUCTURAL_5),
        ("structural.table6", published.STRUCTURAL_6),
    ],
)
def test_a_table_has_the_papers_numbers(name: str, table: Any) -> None:
    assert numbers(name) == {
        row: cells if isinstance(cells, tuple) else (cells,) for row, cells in table.items()
    }


def test_columns_are_the_papers() -> None:
    for name, columns in (
        ("wasserstein.table1", published.GROUP_4),
        ("wasserstein.table2", published.CAMVID_COLUMNS),
        ("wasserstein.table3", published.GROUP_4),
    ):
        for cells in BY_NAME[name].paper.values():
            assert tuple(column for column in cells if "(ours)" not in column) == columns


def test_means_of_group_4_are_those_of_the_seven_classes() -> None:
    for row, cells in published.WASSERSTEIN_1.items():
        shown = BY_NAME["wasserstein.table1"].paper[row]["mean of group 4 (ours)"]
        assert shown == pytest.approx(sum(cells[:7]) / 7, abs=0.051)


def test_maximum_squares_tables_have_the_posters_numbers() -> None:
    gta5, synthia = BY_NAME["maxsquare.gta5"].paper, BY_NAME["maxsquare.synthia"].paper
    for row, value in published.GTA5.items():
        assert gta5[row]["mIoU"] == value, row
    assert {**gta5["MaxSquare+IW+Multi"]} == {**published.GTA5_OF_MULTI, "mIoU": 46.4}
    for row, pair in published.SYNTHIA.items():
        assert (synthia[row]["mIoU"], synthia[row]["mIoU-13"]) == pair, row
    cities = BY_NAME["maxsquare.crosscity"].paper
    for city, three in published.CROSS_CITY.items():
        found = (cities[f"{city}: {name}"]["mIoU"] for name in ("source only", "MaxSquare", "MaxSquare+IW"))
        assert tuple(found) == three
    office = BY_NAME["maxsquare.office31"].paper
    for row, seven in published.OFFICE_31.items():
        assert tuple(office[row].values())[:7] == seven


@pytest.mark.parametrize(
    ("name", "total", "classes", "slips"),
    [
        ("maxsquare.gta5", "mIoU", 19, {"MinEnt [31]"}),
        ("maxsquare.crosscity", "mIoU", 13, {"Tokyo: MaxSquare+IW", "Rio: Cross city [5]"}),
        ("structural.table1", "mIoU", 21, set()),
        ("structural.table4", "mIoU", 19, set()),
    ],
)
def test_classes_of_a_row_have_the_mean_that_is_printed_but_where_the_paper_slips(
    name: str, total: str, classes: int, slips: set[str]
) -> None:
    """No outside source but the rows themselves: a digit read wrongly moves the mean."""
    wrong = set()
    for row, cells in BY_NAME[name].paper.items():
        values = [value for column, value in cells.items() if column != total]
        assert len(values) == classes
        if abs(statistics.fmean(values) - cells[total]) > 0.0501:
            wrong.add(row)
    assert wrong == slips


def test_synthias_means_are_of_16_and_of_13_classes() -> None:
    for row, cells in BY_NAME["maxsquare.synthia"].paper.items():
        of_16 = {column: value for column, value in cells.items() if "mIoU" not in column}
        of_13 = [value for column, value in of_16.items() if column not in ("wall", "fence", "pole")]
        assert len(of_13) == 13
        assert statistics.fmean(of_13) == pytest.approx(cells["mIoU-13"], abs=0.09), row
        if "mIoU" in cells:
            assert statistics.fmean(of_16.values()) == pytest.approx(cells["mIoU"], abs=0.1), row


def test_every_recipe_of_an_item_is_whole_and_starts_from_an_earlier_one() -> None:
    """The rows of the small scale are held to the same by `test_reproduce.py`."""
    for item in ITEMS:
        earlier: set[str] = set()
        for row in item.published:
            assert {*row.together, *([row.after] if row.after else [])} <= earlier, item.name
            earlier.add(row.name)
            if row.config is not None:
                assert row.config.is_file()
                experiment = load_config(row.config)
                # One row of each config with options: reading them takes time, and rows differ in their values.
                if row.options and (row.config, row.options[0]) not in READ:
                    READ.add((row.config, row.options[0]))
                    experiment = with_arguments(experiment, list(row.options))
                experiment.validate()


def test_every_row_of_deeplab_v3_plus_has_its_recipe() -> None:
    recipes = {
        "CE(+)": "plus_ce",
        "BCE(+)": "plus_bce",
        "SSL(+3)": "plus_ssl",
        **{f"SSL(+{size})": f"plus_ssl_{size}" for size in (1, 7, 11)},
    }
    for name in ("structural.table1", "structural.table2"):
        item = BY_NAME[name]
        wanted = {recipes[row] for row in item.paper if "(+" in row}
        made = {row.name for row in item.published if row.name.startswith("plus_")}
        assert {row for row in made if not row.endswith("_stage1")} == wanted


def test_small_crops_on_voc_show_images_at_their_own_scales() -> None:
    """Table 5's crops have 321 pixels and the batch 16; images are scaled by 0.5 to 2 as before, and lie on 513."""
    for row in BY_NAME["structural.table5"].published[:2]:
        assert row.config is not None
        found: Any = with_arguments(load_config(row.config), list(row.options))
        crop = found.augment["crop"]
        assert (crop.size, found.batch, found.data.canvas) == ((321, 321), 16, (513, 513))
        assert [scale * 321 / 513 for scale in crop.scale] == pytest.approx([0.5, 2.0], abs=1e-6)


READ: set[tuple[Path, str]] = set()
CONFIGS = sorted(
    {row.config for item in ITEMS for row in (*item.rows, *item.published) if row.config is not None}
)


@pytest.mark.slow
def test_every_network_of_the_list_takes_its_images_and_scores_its_classes() -> None:
    """On shapes alone, and each network once, however many configs have it."""
    seen = set()
    for config in CONFIGS:
        experiment = load_config(config)
        method: Any = experiment.method
        size = experiment.evaluation.size or (64, 128)
        method.network.validate(*size)
        key = (repr(method.network.module), experiment.data.task)
        if key in seen or experiment.data.task == "classification":
            continue
        seen.add(key)
        # The smallest images that every network takes: what is checked are heads and classes.
        least = method.network.minimum_size
        image = jax.ShapeDtypeStruct((1, max(64, least), max(128, least), 3), jnp.float32)

        def logits(image: Any, network: Any = method.network) -> Any:
            variables = network.init(jax.random.key(0), image)
            return network.apply(variables, image, train=False)[0].logits

        found = jax.eval_shape(logits, image)
        assert (found.shape[0], found.shape[-1]) == (1, experiment.data.labels.classes), config


def test_the_papers_scale_names_what_is_missing_and_a_start_that_is_made_is_not(tmp_path: Path) -> None:
    for name in ("wasserstein.table1", "conservative.table6", "maxsquare.synthia"):
        with pytest.raises(InputError) as caught:
            command.main([name, "--scale", "paper"])
        assert str(caught.value).startswith(f"scale: {name} needs what is not here: data: ")
        assert "\n" not in str(caught.value)
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(CONFIG.format(name=name, watch=""))
    first, second = (tmp_path / f"{name}.py" for name in ("first", "second"))
    both = (
        first,
        Row("then", second, ("--batch", "2"), after="first"),
        Row("mean", together=("first", "then")),
    )
    item = Item("a.b", "", (), "", 0, "", recipes=both)
    assert commands(item, ["--optimizer.learning-rate", "0.2"], seeds=2)[2:5] == [
        "python -m experiments.evaluate runs/first/seed0 --split val --with runs/second-then/seed0 "
        "--average logits",
        f"python -m experiments.train {first} --optimizer.learning-rate 0.2 --seed 1",
        f"python -m experiments.train {second} --optimizer.learning-rate 0.2 --batch 2 "
        "--initialize runs/first/seed1 --name second-then --seed 1",
    ]


def test_a_figure_that_needs_no_training_is_one_command(tmp_path: Path) -> None:
    assert command.main(["conservative.figure3", "--out", str(tmp_path)]) == 0
    place = tmp_path / "conservative.figure3"
    found = json.loads((place / "results.json").read_text())
    assert found["rows"] == []
    assert (place / "figure3.png").stat().st_size > 1000
    loss = dict(zip(found["figure"]["p"], found["figure"]["loss"]["a = e"], strict=True))
    # The fact sheet's table of the loss, recomputed there in float64.
    assert [loss[p] for p in (0.01, 0.1, 0.5, 0.6, 0.9)] == pytest.approx(
        [19.84914, 1.41513, -0.03451, -0.16074, -1.80115], abs=1e-3
    )
    with pytest.raises(InputError, match=r"conservative\.figure3 trains nothing"):
        command.main(["conservative.figure3", "--seeds", "2", "--out", str(tmp_path)])


def test_options_of_experiments_are_refused_where_none_is_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"options: --runs x would change nothing: conservative\.figure3"):
        command.main(["conservative.figure3", "--runs", "x", "--out", str(tmp_path)])
    with pytest.raises(InputError, match=r"options: --data\.dir x would change nothing: a list"):
        command.main(["conservative", "--list", "--data.dir", "x"])
    assert not list(tmp_path.iterdir())


CONFIG = """
from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.train import Experiment, MeshShape
from tests.tiny import Blocks, network
{watch}
def experiment():
    return Experiment(
        name="{name}",
        data=Blocks(),
        target=Blocks(shift=60),
        method=ObjectiveMethod(
            network=network(normalize=True),
            objective={{"source": Term(losses.SoftmaxCrossEntropy())}},
            steps=4,
            optimizer=SGD(learning_rate=0.1),
        ),
        batch=4,
        mesh=MeshShape(data=1),
    )
"""


def test_an_item_trains_its_rows_and_hands_them_to_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "source.py").write_text(CONFIG.format(name="source", watch=""))
    row = Row("source", tmp_path / "source.py", ("--evaluate-every", "2"))

    def of_other(runs: Any, place: Path) -> dict[str, Any]:
        return {"runs": len(of_row(runs, "other"))}

    def both(runs: Any, place: Path) -> dict[str, Any]:
        return {"course": conservative.figure1(runs, place), "pairs": maxsquare.prediction(runs, place)}

    item = Item("a.b", "A title", (row,), "", 1, "", paper={"CE": {"mIoU": 30.0}}, figure=both)
    more = Item("a.more", "Of two", (row, Row("other", row.config)), "", 1, "", runs="a.b", figure=of_other)
    monkeypatch.setattr(command, "ITEMS", (item, more))
    assert command.main(["a.more", "--rows", "source", "--out", str(tmp_path / "out")]) == 0
    part = tmp_path / "out" / "a.more" / "part"
    assert [row["row"] for row in json.loads((part / "results.json").read_text())["rows"]] == ["source"]
    assert [path.name for path in part.parent.iterdir()] == ["part"]
    assert "no figure: rows: the figure is drawn from the row 'other'" in capsys.readouterr().err
    assert command.main(["a.b", "--out", str(tmp_path / "out")]) == 0
    place = tmp_path / "out" / "a.b"
    found = json.loads((place / "results.json").read_text())
    assert found["paper"] == {"CE": {"mIoU": 30.0}}
    assert "| CE | 30.0 |" in (place / "results.md").read_text()
    figure = found["figure"]
    assert {path.name for path in place.glob("*.png")} == {"figure1.png", "prediction.png"}
    run = tmp_path / "out" / "a.b" / "source" / "seed0"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    on_target = [line for line in lines if line["kind"] == "evaluation" and line["on"] == "blocks-60/val"]
    course = figure["course"]
    assert course["steps"] == [line["step"] for line in on_target]
    values = [100 * line["mean_iou"] for line in on_target]
    assert course["on"]["blocks-60/val"]["mean_iou"] == [pytest.approx(values, abs=0.006)]
    assert course["on"]["blocks-60/val"]["fall_from_best"] == [
        pytest.approx(max(values) - values[-1], abs=0.006)
    ]
    score = json.loads((run / "evaluations" / "blocks-60-test.json").read_text())
    (pairs,) = figure["pairs"]["rows"]["source"]["seeds"]
    known = {name: p for name, p in score["mean_probability"].items() if p is not None}
    assert pairs == {name: pytest.approx([p, score["iou"][name]], abs=6e-5) for name, p in known.items()}


def test_a_figure_whose_row_was_not_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rows: the figure is drawn from the row 'watched'; let it run too"):
        structural.figure3({}, tmp_path)


def test_rank_correlation_is_that_of_ranks() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 50))
    first, second = (np.argsort(np.argsort(values)) for values in (x, y))
    assert maxsquare._rank_correlation(x, y) == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-12)


def test_the_curves_of_figure_5_are_each_run_in_the_game() -> None:
    rows = [row.name for row in BY_NAME["conservative.figure5"].rows]
    assert sorted(rows) == ["ce", "conservative", "focal", "source"]
