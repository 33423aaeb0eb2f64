"""The table of every loss: its rows are the objectives there are, each teaches, and the sweep is one program."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.grand.common import objectives
from experiments.reproduce.items.grand import ITEMS, NAMES
from jaxseg.labels import CAMVID, CITYSCAPES
from jaxseg.methods import OneOf
from jaxseg.models import Network, Output
from jaxseg.train import load_config, with_arguments
from tests.models._fresh import QUICK


@pytest.mark.fast
def test_the_rows_are_all_objectives_and_both_tables_have_them() -> None:
    assert tuple(objectives(CAMVID)) == tuple(objectives(CITYSCAPES)) == NAMES
    for item in ITEMS:
        assert [row.name for row in item.rows] == list(NAMES)
        names = [row.options[row.options.index("--name") + 1] for row in item.rows]
        assert len(set(names)) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_objective_lowers_the_score_of_a_wrong_class(name: str) -> None:
    """A step against its gradient: of pixels that are unsure, more are right, and void ones do not move."""
    space = CAMVID
    rng = np.random.default_rng(0)
    label = jnp.asarray(rng.integers(0, 2, (1, 4, 4)).repeat(4, 1).repeat(4, 2) * 3, jnp.uint8)
    label = label.at[:, :2].set(255)
    logits = jnp.asarray(rng.normal(0, 0.1, (1, 16, 16, space.classes)), jnp.float32)
    term = OneOf(objectives(space), chosen=name)
    batch = {"label": label, "valid": label != 255}

    def value(logits: Any) -> Any:
        return term(Network(space.classes), Output(logits), batch)

    found, gradient = jax.jit(jax.value_and_grad(value), compiler_options=QUICK)(logits)
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()
    assert not np.asarray(gradient)[0, :2].any()
    true = np.take_along_axis(np.asarray(gradient), np.asarray(label.at[:, :2].set(0), int)[..., None], -1)
    assert true[0, 2:].mean() < 0.0


def test_the_declared_sweep_changes_weights_alone() -> None:
    base = load_config(Path("configs/grand/streets_composed.py"))
    names = ("huber", "conservative", "max_squares", "ssl")
    words = [word for name in names for word in (f"--objective.{name}.weight", "0.5")]
    changed = with_arguments(base, words)
    assert jax.tree.structure(changed.method) == jax.tree.structure(base.method)
    weights = {name: term.weight for name, term in base.method.objective.items()}  # type: ignore[attr-defined]
    assert weights == {"source": 1.0, **dict.fromkeys(names, 0.0)}
