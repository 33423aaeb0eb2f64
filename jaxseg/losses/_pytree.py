"""Frozen dataclasses as pytrees, told apart by their class."""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
from jax.tree_util import GetAttrKey

Class = TypeVar("Class", bound=type)


def pytree(cls: Class) -> Class:
    """Registers a dataclass as a pytree: fields are children, those of metadata `static=True` part of the structure.

    What `jax.tree_util.register_dataclass` does, except that two classes never count as one. There, the structures of
    two classes whose fields have the same number and the same static values compare equal, though their hashes differ
    (seen in jaxlib 0.10). A table of compiled functions looks structures up by hash and then by comparison, so now and
    then `jit` runs the program of another class: a term of entropy in the place of one of maximum squares, without a
    word. Losses, terms and methods of your own should be registered with this too.

    Args:
      cls: a dataclass, best a frozen one; it is called with its fields by name where JAX rebuilds it.

    Returns:
      The class itself, so this is a decorator.

    >>> @pytree
    ... @dataclasses.dataclass(frozen=True)
    ... class Scaled:
    ...     scale: float = 2.0
    >>> jax.tree.map(lambda leaf: 3 * leaf, Scaled())
    Scaled(scale=6.0)
    """
    fields = [field for field in dataclasses.fields(cls) if field.init]
    children = tuple(field.name for field in fields if not field.metadata.get("static", False))
    static = tuple(field.name for field in fields if field.metadata.get("static", False))
    keys = tuple(GetAttrKey(name) for name in children)

    def structure(value: Any) -> tuple[Any, ...]:
        return (cls, *(getattr(value, name) for name in static))

    def flatten(value: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(value, name) for name in children), structure(value)

    def flatten_with_keys(value: Any) -> tuple[tuple[tuple[GetAttrKey, Any], ...], tuple[Any, ...]]:
        return tuple((key, getattr(value, key.name)) for key in keys), structure(value)

    def unflatten(aux: tuple[Any, ...], leaves: Iterable[Any]) -> Any:
        fixed = dict(zip(static, aux[1:], strict=True))
        return cls(**dict(zip(children, leaves, strict=True)), **fixed)

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
