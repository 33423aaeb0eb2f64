"""Labels that every step makes anew: the same as those in files, through kills and on any mesh."""

import io
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.train import MeshShape, check, trainer
from jaxseg.train import labelling as passes
from jaxseg.train._stretch import stretch_of
from jaxseg.train.mesh import put_batch
from jaxseg.train.sweep import Sweep, train_sweep
from tests.tiny import network
from tests.train.self_trained import HARD, SOFT, SOURCE, experiment, files, trained

RULES: dict[str, dict[str, Any]] = {
    "lrent": {"labels": "lrent", "flip": True, "objective": {"source": SOURCE, "target": SOFT}},
    "hard": {"labels": "hard", "spatial_prior": True, "objective": {"source": SOURCE, "target": HARD}},
}


@pytest.mark.parametrize("rule", ["lrent", pytest.param("hard", marks=pytest.mark.slow)])
def test_a_run_ends_with_the_bits_of_one_that_reads_files(rule: str, tmp_path: Path) -> None:
    fields = RULES[rule]
    expected = trained(tmp_path / "files", experiment(**fields))
    found = trained(tmp_path / "anew", experiment(**fields, store="recomputed"))
    jax.tree.map(np.testing.assert_array_equal, expected, found)
    kept, none = files(tmp_path / "files"), files(tmp_path / "anew")
    assert {Path(name).suffix for name in none if "prior" not in name} == {".json", ".msgpack"}
    assert {name for name in none if name.endswith("0.json")} == {
        name for name in kept if name.endswith("0.json")
    }
    for number in (0, 1):
        name = f"pseudo_labels/round{number}/manifest.json"
        read, made = (json.loads(each[name]) for each in (kept, none))
        assert made.pop("labelling") != read.pop("labelling")
        assert made == read
        assert sum(made["labelled"]) > 0


@pytest.mark.slow
def test_a_run_killed_in_a_round_goes_on_with_the_networks_that_began_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = experiment(store="recomputed", steps=3, checkpoint_every=1)
    expected = trained(tmp_path / "whole", built)
    step, taken = trainer._step, {"steps": 0}

    def killed(*arguments: Any) -> Any:
        taken["steps"] += 1
        if taken["steps"] == 6:
            raise KeyboardInterrupt
        return step(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "_step", killed)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "cut", built)
    assert not (tmp_path / "cut/checkpoints/6").exists()
    jax.tree.map(np.testing.assert_array_equal, expected, trained(tmp_path / "cut", built))
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    "shape",
    [
        MeshShape(1),
        MeshShape(2, space=4),
        pytest.param(MeshShape(8), marks=pytest.mark.slow),
        pytest.param(MeshShape(1, space=8), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_mesh_makes_the_labels_that_are_written(shape: MeshShape, tmp_path: Path) -> None:
    stores = ("files", "recomputed")
    built, one = (experiment(mesh=shape, batch=8, **RULES["lrent"], store=store) for store in stores)
    mesh, sources, _ = check(built)
    variables = built.method.network.init(jax.random.key(1), jnp.zeros((1, 8, 16, 3)))
    with jax.set_mesh(mesh):
        for each, store in zip((built, one), stores, strict=True):
            passes.label_target(each, 0, variables, sources, tmp_path / store, mesh)
        written = stretch_of(built, sources, tmp_path / "files", 0).sources["target"]
        make = passes.recomputed(one, sources, tmp_path / "recomputed", 0, mesh)
        read = stretch_of(one, sources, tmp_path / "recomputed", 0).sources["target"]
        examples = [read[index] for index in (3, 0, 11, 7, 1, 2, 10, 5)]
        assert all((example["label"] == 255).all() for example in examples)
        batch = {"target": {name: np.stack([each[name] for each in examples]) for name in ("image", "label")}}
        assert make is not None
        found = make(put_batch(mesh, batch))["target"]
    assert sorted(found) == ["image", "targets"]
    expected = np.stack([written[index]["targets"] for index in (3, 0, 11, 7, 1, 2, 10, 5)])
    assert expected.any()
    np.testing.assert_array_equal(found["targets"], expected)


def test_networks_that_are_gone_are_named(tmp_path: Path) -> None:
    built = experiment(network=network(), store="recomputed", rounds=1)
    trained(tmp_path / "run", built)
    mesh, sources, _ = check(built)
    place = tmp_path / "run/pseudo_labels/round0/networks.msgpack"
    for content in (place.read_bytes()[:-3], None):
        place.unlink() if content is None else place.write_bytes(content)
        with pytest.raises(
            InputError, match=r"networks\.msgpack: the networks .* cannot be read .*train it again"
        ):
            passes.recomputed(built, sources, tmp_path / "run/pseudo_labels", 0, mesh)


def test_lock_step_refuses_them(tmp_path: Path) -> None:
    config = tmp_path / "config.py"
    config.write_text("")
    sweep = Sweep(experiment(store="recomputed"), {"seed": (0, 1)})
    with pytest.raises(InputError, match=r"^store: .* --mode loop"):
        train_sweep(sweep, tmp_path / "refused", config, mode="vmap", stream=io.StringIO())


@pytest.mark.fast
def test_an_unknown_store_is_told() -> None:
    with pytest.raises(InputError, match=r"store: 'memory' is not known; use 'files' or 'recomputed'"):
        experiment(store="memory").method.validate()
