"""Dataclasses as pytrees: two classes never count as one."""

import dataclasses
import importlib.util
import itertools
import pkgutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jaxseg
from jaxseg import losses
from jaxseg.losses import pytree


def twins(register: Any) -> tuple[Any, Any]:
    @register
    @dataclasses.dataclass(frozen=True)
    class One:
        factor: Any = 1.0
        switch: str = dataclasses.field(default="a", metadata={"static": True})

    @register
    @dataclasses.dataclass(frozen=True)
    class Two:
        factor: Any = 1.0
        switch: str = dataclasses.field(default="a", metadata={"static": True})

    return One(), Two()


@pytest.mark.fast
def test_structures_of_two_classes_differ() -> None:
    one, two = twins(pytree)
    assert jax.tree.structure(one) != jax.tree.structure(two)
    assert jax.tree.structure(one) == jax.tree.structure(dataclasses.replace(one, factor=2.0))
    assert jax.tree.structure(one) != jax.tree.structure(dataclasses.replace(one, switch="b"))


def test_loss_objects_of_two_classes_have_two_structures() -> None:
    """What a step compiled for one loss is looked up by must not fit another: all pairs of losses without arguments."""
    found = []
    for name in losses.__all__:
        value = getattr(losses, name)
        if isinstance(value, type) and dataclasses.is_dataclass(value):
            required = [f for f in dataclasses.fields(value) if f.default is dataclasses.MISSING]
            found += [] if required else [value()]
    assert len(found) > 15
    for one, two in itertools.combinations(found, 2):
        assert jax.tree.structure(one) != jax.tree.structure(two), (one, two)


def test_leaves_have_the_names_of_their_fields_and_static_ones_are_kept() -> None:
    one, _ = twins(pytree)
    ((path, leaf),), structure = jax.tree_util.tree_flatten_with_path(one)
    assert (jax.tree_util.keystr(path), leaf) == (".factor", 1.0)
    assert jax.tree.unflatten(structure, [3.0]) == dataclasses.replace(one, factor=3.0)


def test_it_goes_through_transformations() -> None:
    one, _ = twins(pytree)

    @jax.jit
    def double(value: Any) -> Any:
        return dataclasses.replace(value, factor=2 * value.factor)

    assert float(double(one).factor) == 2.0
    stacked = dataclasses.replace(one, factor=jnp.arange(3.0))
    assert jax.vmap(double)(stacked).factor.tolist() == [0.0, 2.0, 4.0]
    assert float(jax.grad(lambda value: 5 * value.factor)(one).factor) == 5.0


def test_nothing_of_jaxseg_is_registered_otherwise() -> None:
    root = Path(jaxseg.__file__).parent
    names = [module.name for module in pkgutil.walk_packages([str(root)], "jaxseg.")]
    assert "jaxseg.losses._pytree" in names
    for name in names:
        source = importlib.util.find_spec(name).origin
        text = Path(source).read_text().replace("`jax.tree_util.register_dataclass`", "")
        assert "register_dataclass" not in text, f"{name}: use losses.pytree"
