"""MetaPix's items: the paper's numbers, typed again from its text, and figures of runs whose scores are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments._rows import Row, run_rows
from experiments.planted import scored
from experiments.reproduce.figures import metapix
from experiments.reproduce.items.metapix import ITEMS
from jaxseg import models
from jaxseg.models.network import IMAGENET_NORMALIZATION
from jaxseg.train import load_config, with_arguments
from tests.experiments.test_weights import CONFIG, METAPIX, PLANTED

BY_NAME = {item.name.removeprefix("metapix."): item for item in ITEMS}

# Tables 1 to 3, in the order in which the paper prints them.
PRINTED = {
    "table1": (
        *(37.1, 38.1, 35.9, 65.3, 66.1, 66.2, 64.6, 66.0),
        *(64.0, 63.7, 66.5, 67.6, 64.7, 66.5, 66.3, 68.7),
    ),
    "table2": (34.8, 34.2, 36.2, 65.3, 64.0, 62.9, 64.8, 62.6, 66.3, 64.7, 63.6, 65.4, 66.7),
    "table3": (66.4, 68.3, 68.7),
}


@pytest.mark.fast
@pytest.mark.parametrize("table", PRINTED)
def test_the_papers_numbers_are_those_that_it_prints(table: str) -> None:
    paper = BY_NAME[table].paper
    assert all(set(row) == {"mIoU"} for row in paper.values())
    assert tuple(row["mIoU"] for row in paper.values()) == PRINTED[table]
    last = list(paper)[-1]
    assert "MetaPix-W^1" in last
    assert paper[last]["mIoU"] == max(row["mIoU"] for row in paper.values())


def test_what_the_text_says_of_its_numbers_holds() -> None:
    one, two, three = (BY_NAME[f"table{number}"].paper for number in (1, 2, 3))
    ours = one["FCN+MetaPix-W^1 (ours)"]["mIoU"]
    assert ours - one["FCN+HRSelect-W^1 †"]["mIoU"] == pytest.approx(2.2)
    assert ours - one["FCN+HRSelect-W^1+L_rec+L_adv †"]["mIoU"] == pytest.approx(1.1)
    gain = two["FCN+MetaPix-W^1 (ours)"]["mIoU"] - two["FCN+HRSelect-W^1+L_rec+L_adv †"]["mIoU"]
    assert gain == pytest.approx(0.4)
    assert three["FCN+MetaPix-W^1 (ours)"]["mIoU"] == ours
    bars = BY_NAME["figure4"].paper
    assert bars["S@1"] == {"gain": 1.1}
    assert one["Direct Joint Training †"] in bars.values()
    assert one["FCN †"] in bars.values()
    # The slips that the notes name.
    assert one["FCN (our implementation)"]["mIoU"] < one["FCN †"]["mIoU"]
    assert one["FCN+FDA"]["mIoU"] - one["FCN (our implementation)"]["mIoU"] == pytest.approx(1.8)


def test_the_published_splits_are_networks_with_own_blocks() -> None:
    recipes = BY_NAME["figure4"].published
    assert [row.name for row in recipes] == ["no split", "S@1", "S@2", "S@3", "S@4", "S@5"]
    assert recipes[0].options == ()
    for block in (1, 5):
        row = recipes[block]
        assert row.config is not None
        network = with_arguments(load_config(row.config), list(row.options)).method.network
        assert network == models.fcn8s(
            19, variant="metapix", split=block, normalization=IMAGENET_NORMALIZATION
        )


def test_figure_4_has_means_and_paired_gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["target_only"] + [f"{t}_split{b}" if b else t for t in ("joint", "metapix") for b in range(6)]
    runs = {row: [tmp_path / row / f"seed{seed}" for seed in range(3)] for row in rows}

    def known(folders: list[Path]) -> list[float]:
        row = folders[0].parent.name
        block = int(row[-1]) if "split" in row else 0
        base = {"t": 30.0, "j": 40.0, "m": 42.0}[row[0]]
        seeds = [int(folder.name[-1]) for folder in folders]
        return [base + block + 5.0 * seed + (0.1 * seed if block else 0.0) for seed in seeds]

    monkeypatch.setattr(metapix, "_miou", known)
    found = metapix.figure4(runs, tmp_path)
    assert found["joint"]["no split"]["mIoU"] == {"mean": 45.0, "half width": 12.42, "seeds": 3}
    # Student's t of 2 degrees, 4.3027, times the deviation over the root of 3: of 5 above, of 0.1 below.
    assert found["metapix"]["S@3"]["gain"] == {"mean": 3.1, "half width": 0.25, "seeds": 3}
    assert found["target only"]["mean"] == 35.0
    del runs["metapix_split3"][0], runs["metapix"][1]  # each lost another seed: one is left to pair
    gain = metapix.figure4(runs, tmp_path)["metapix"]["S@3"]["gain"]
    assert (gain["mean"], gain["seeds"]) == (3.2, 1)
    assert (tmp_path / found["picture"]).stat().st_size > 1000


@pytest.mark.slow
def test_weight_maps_and_planted_noise_are_those_of_the_runs(tmp_path: Path) -> None:
    config = tmp_path / "tiny_config.py"
    config.write_text(CONFIG.format(method="MetaPix", fields=METAPIX, data=PLANTED))
    (folder,) = run_rows([Row("planted", config)], [0], tmp_path / "out", [], "test")
    score = json.loads((folder / "evaluations" / "blocks-0-test.json").read_text())
    assert metapix._miou([folder]) == [100 * score["mean_iou"]]
    runs = {row: [folder] for row in ("metapix", "metapix_w19", "planted", "planted_joint")}
    found = metapix.figure3(runs, tmp_path)["metapix"]
    assert (found["images"], found["step"]) == (6, 4)
    low, high = found["black and white"]
    assert 0.0 < low <= found["mean"] <= high < 1.0
    assert set(found["class means"]) == {"left", "right", "top"}
    for name in found["pictures"].values():
        assert (tmp_path / name).is_file()
    assert set(found["pictures"]) == {"maps", "histograms", "over_training"}
    noise = metapix.planted(runs, tmp_path)
    assert noise["auc"]["seeds"] == [pytest.approx(scored(folder)["auc"], abs=1e-5)]
    assert noise["gain over joint"]["mean"] == 0.0
    assert not np.isnan(noise["auc over seeds"]["mean"])
