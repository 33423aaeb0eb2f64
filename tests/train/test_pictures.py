"""Pictures while a run trains: those of its method, at the steps that were asked for, resumed and sharded alike."""

import io
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxseg._sheet import GAP
from jaxseg.errors import InputError
from jaxseg.methods import Draws, ObjectiveMethod
from jaxseg.train import Experiment, MeshShape, RunFolder, Sweep, train, train_sweep
from jaxseg.train._pictures import _drawn
from tests.methods.players import SOURCE, game, network, start
from tests.methods.players import Encoder as Linear
from tests.tiny import Blocks

CELL, TOP = 256, 24 + GAP


def experiment(**fields: Any) -> Experiment:
    values: dict[str, Any] = {
        "name": "game",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": game(steps=4),
        "batch": 4,
        "mesh": MeshShape(data=1),
        "pictures_every": 2,
        "checkpoint_every": 2,
    }
    return Experiment(**(values | fields))


def trained(folder: Path, **fields: Any) -> tuple[Any, RunFolder]:
    run, config = RunFolder(folder), folder.parent / f"{folder.name}.py"
    config.write_text("")
    built = experiment(**fields)
    run.open(built, config, [])
    return train(built, run, stream=io.StringIO()), run


def drawn(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.pictures.iterdir()}


def test_a_run_draws_its_games_images_with_the_same_bits_when_it_was_killed(tmp_path: Path) -> None:
    """The last sheet is read back: cells of a source image, what G makes of it, and D's answers in grey."""
    state, run = trained(tmp_path / "whole")
    files = drawn(run)
    assert set(files) == {"step000002.png", "step000004.png"}
    assert files["step000002.png"] != files["step000004.png"]

    sheet = np.asarray(Image.open(run.pictures / "step000004.png"))
    tall = CELL // 2  # images are 8x16
    assert sheet.shape == (TOP + 6 * (tall + GAP), GAP + 4 * (CELL + GAP), 3)
    for row, domain, index in ((0, "source", 0), (4, "target", 1)):
        image = np.asarray(Blocks(shift=60 if domain == "target" else 0).source("val")[index]["image"])
        made = game().pictures(state, jnp.asarray(image[None], jnp.float32), domain)
        wanted = [image / 255.0, *(np.asarray(made[n][0]) for n in ("generated", "as source", "as target"))]
        for column, picture in enumerate(wanted):
            y, x = TOP + row * (tall + GAP), GAP + column * (CELL + GAP)
            middles = sheet[y + 8 : y + tall : 16, x + 8 : x + CELL : 16].astype(np.float64)
            of_colours = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)
            np.testing.assert_allclose(middles, 255.0 * of_colours, atol=0.51)

    shutil.rmtree(run.checkpoints / "4")
    (run.pictures / "step000004.png").unlink()
    trained(run.path)
    assert drawn(run) == files


def test_a_state_that_devices_share_is_drawn_whole() -> None:
    from jax.sharding import NamedSharding, PartitionSpec

    method, image = game(), np.random.default_rng(0).uniform(0, 255, (1, 4, 6, 3)).astype(np.float32)
    state = start(method)
    expected = _drawn(method, state, image, "source")
    mesh = MeshShape(data=4, space=2).build(4)

    def split(leaf: jax.Array) -> jax.Array:
        spec = PartitionSpec("data") if leaf.ndim and leaf.shape[0] == 4 else PartitionSpec()
        return jax.device_put(leaf, NamedSharding(mesh, spec))

    with jax.set_mesh(mesh):
        found = _drawn(method, jax.tree.map(split, state), image, "source")
    assert list(found) == list(expected) == ["generated", "as source", "as target"]
    for title, picture in expected.items():
        assert found[title].sharding.is_fully_replicated
        np.testing.assert_allclose(np.asarray(found[title], int), np.asarray(picture, int), atol=1)


def test_members_in_lock_step_are_not_drawn(tmp_path: Path) -> None:
    sweep, config = Sweep(experiment(), {"seed": (0, 1)}), tmp_path / "config.py"
    config.write_text("")
    with pytest.raises(InputError, match=r"^pictures_every: .* --mode loop"):
        train_sweep(sweep, tmp_path / "sweep", config, mode="vmap", stream=io.StringIO())


@pytest.mark.fast
def test_who_makes_no_pictures_is_told_so() -> None:
    plain = ObjectiveMethod(network(Linear()), {"source": SOURCE}, steps=1)
    assert isinstance(game(), Draws)
    with pytest.raises(InputError, match=r"^pictures_every: ObjectiveMethod makes no pictures; leave it out"):
        experiment(method=plain).validate()
    with pytest.raises(InputError, match=r"^pictures_every: -1; it is 0"):
        experiment(pictures_every=-1).validate()
    experiment(method=plain, pictures_every=0).validate()
