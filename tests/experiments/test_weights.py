"""What is made of a MetaPix run: its weight maps, and how well its weights find planted noise."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from experiments import planted, train, weight_maps
from experiments._weights import SourceWeights
from jaxseg.errors import InputError

CONFIG = """
from jaxseg.data import Planted
from jaxseg.methods import {method}
from jaxseg.train import Experiment, MeshShape
from tests.methods.weighting import weighting
from tests.tiny import Blocks, network

def experiment():
    return Experiment(
        name="tiny",
        data={data},
        target=Blocks(count=4, size=(16, 24)),
        method={method}(network=network(), {fields}),
        batch=2,
        mesh=MeshShape(data=1),
    )
"""
METAPIX = (
    "weighting=weighting(), joint_steps=1, meta_steps=2, weighted_steps=1, generations=1, class_weights=True"
)
PLANTED = "Planted(Blocks(count=6, size=(16, 24), shift=20))"


def made(folder: Path, method: str, fields: str, data: str = PLANTED) -> Path:
    config = folder / "tiny_config.py"
    config.write_text(CONFIG.format(method=method, fields=fields, data=data))
    assert train.main([str(config), "--run", str(folder / "run")]) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("weights"), "MetaPix", METAPIX)


def test_maps_and_histograms_are_drawn_of_the_runs_weights(trained: Path, tmp_path: Path) -> None:
    learned = SourceWeights(trained)
    ((example, weights),) = learned.of((3,))
    assert weights.shape == example["label"].shape == (16, 24)
    assert ((weights > 0) & (weights < 1)).all()
    low, high = float(weights.min()) - 1e-3, float(weights.max())
    words = [str(trained), "--images", "3", "--range", str(low), str(high), "--out", str(tmp_path)]
    assert weight_maps.main(words) == 0
    sheet = np.asarray(Image.open(tmp_path / "weights.png"))
    assert sheet.shape[1] == 6 + 4 * (256 + 6)  # image, label, weights, what was planted
    for name in ("weights.svg", "weights_over_training.svg"):
        drawn = ElementTree.fromstring((tmp_path / name).read_bytes())
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg", name  # else a browser shows text


def test_the_figures_are_those_of_all_pairs_of_pixels(trained: Path, tmp_path: Path) -> None:
    assert planted.main([str(trained), "--out", str(tmp_path / "auc.json")]) == 0
    found = json.loads((tmp_path / "auc.json").read_text())
    clean, wrong = [], []
    for example, weights in SourceWeights(trained).of(range(6)):
        clean.append(weights[(example["label"] < 3) & ~example["planted"]])
        wrong.append(weights[example["planted"]])
    one, two = np.concatenate(clean), np.concatenate(wrong)
    above = (one[:, None] > two[None]).mean() + (one[:, None] == two[None]).mean() / 2
    assert (found["images"], found["step"]) == (6, 4)
    assert found["auc"] == pytest.approx(above, abs=1e-9)
    assert found["clean"] == pytest.approx(one.mean(), rel=1e-5)
    assert found["corrupted"] == pytest.approx(two.mean(), rel=1e-5)
    assert sum(part.size == 0 for part in clean) == 3  # half of the images are corrupted whole


@pytest.mark.fast
def test_the_area_under_the_curve_counts_ties_half() -> None:
    assert planted.area_under_curve(np.array([2.0, 1.0]), np.array([1.0, 0.0])) == 0.875
    assert np.isnan(planted.area_under_curve(np.array([]), np.array([1.0])))


def test_runs_without_weights_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="images: there is no image 6; train has 0 to 5"):
        list(SourceWeights(trained).of((6,)))
    other = made(tmp_path, "Reweight", "steps=1")
    with pytest.raises(InputError, match="was trained by Reweight; weights are MetaPix's"):
        planted.scored(other)
