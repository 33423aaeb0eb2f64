"""What the pictures of a game show, against the players written out in NumPy, and runs that have no game."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import features, game_pictures
from jaxseg.errors import InputError
from jaxseg.train import RunFolder, load_config
from tests.methods.players import Judge, game, judge, start

ROOT = Path(__file__).resolve().parents[2]


def linear(x: np.ndarray, layer: Any) -> np.ndarray:
    return x @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"])


@pytest.mark.parametrize("reading", ["binary", "four"])
def test_its_pictures_are_the_players_at_rest(reading: str) -> None:
    m = game(reading=reading, noise=0.5, discriminator=judge(Judge(scores=4 if reading == "four" else 2)))
    state = start(m)
    image = np.random.default_rng(0).uniform(0, 255, (1, 4, 6, 3)).astype(np.float32)
    found = m.pictures(state, jnp.asarray(image), "target")
    assert list(found) == ["generated", "as source", "as target"]
    players = state.params
    x = (image - 127.5) / 127.5 / np.sqrt(1 + 1e-5)  # running statistics are still 0 and 1
    made = 1 / (1 + np.exp(-linear(linear(x, players["network"]["trunk"]), players["generator"]["paint"])))
    np.testing.assert_allclose(found["generated"], made, atol=1e-5)
    scores = linear(made, players["discriminator"]["kinds"])
    shares = 1 / (1 + np.exp(-scores)) if reading == "binary" else np.asarray(jax.nn.softmax(scores))
    places = (0, 1) if reading == "binary" else (0, 2)
    np.testing.assert_allclose(found["as source"], shares[..., places[0]], atol=1e-5)
    np.testing.assert_allclose(found["as target"], shares[..., places[1]], atol=1e-5)


def test_runs_without_a_game_or_a_checkpoint_are_refused_in_a_line(tmp_path: Path) -> None:
    config = ROOT / "configs/streets/source.py"
    RunFolder(tmp_path / "plain").open(load_config(config), config, [])
    with pytest.raises(InputError, match="was trained by ObjectiveMethod, which makes no pictures"):
        game_pictures.main([str(tmp_path / "plain")])
    with pytest.raises(InputError, match="images: 0; at least 1"):
        game_pictures.main([str(tmp_path / "plain"), "--images", "0"])
    with pytest.raises(InputError, match="classes: 'river' is none of road"):
        features.main([str(tmp_path / "plain"), "--classes", "river"])
    with pytest.raises(InputError, match="runs: none given"):
        features.main([])
    with pytest.raises(InputError, match="no complete checkpoint"):
        features.main([str(tmp_path / "plain"), "--images", "1"])


def test_class_features_are_means_over_an_images_pixels_of_a_class() -> None:
    points = features.Points(np.arange(6.0).reshape(6, 1), np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1] * 3))
    kept = points.of([1])
    assert (kept.features.ravel().tolist(), kept.domains.tolist()) == ([2.0, 3.0], [0, 1])
    assert features.shown_most(points, 2) == [0, 1]
    assert np.isnan(features.apart(points))  # one point a class and domain
