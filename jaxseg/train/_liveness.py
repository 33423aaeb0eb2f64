"""How much memory a traced program takes at once, and how much it moves, estimated without compiling it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

FREE = frozenset(
    {
        "broadcast_in_dim",
        "convert_element_type",
        "copy",
        "iota",
        "reshape",
        "rev",
        "sharding_constraint",
        "slice",
        "squeeze",
        "stop_gradient",
        "transpose",
    }
)
"""Operations that compilers fold into whatever reads them."""

ELEMENTWISE = frozenset(
    {
        *("abs", "add", "add_any", "and", "clamp", "div", "eq", "exp", "exp2", "expm1", "floor", "ge", "gt"),
        *(
            "integer_pow",
            "is_finite",
            "le",
            "log",
            "log1p",
            "logistic",
            "lt",
            "max",
            "min",
            "mul",
            "ne",
            "neg",
        ),
        *("not", "or", "pow", "rsqrt", "round", "select_n", "sign", "sqrt", "square", "sub", "tanh", "xor"),
    }
)
"""Operations that are computed where they are read, if they are read once."""


class _Equation(NamedTuple):
    """An operation of the flat program: what it reads and makes, by number, and what it needs inside."""

    name: str
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    inside: int


def bytes_of(tree: Any) -> int:
    """Bytes of the arrays, or of the shapes, in a tree; keys count as their bits.

    >>> bytes_of({"a": jax.ShapeDtypeStruct((2, 3), np.float32)})
    24
    """
    return sum(_bytes(leaf) for leaf in jax.tree.leaves(tree))


def peak_bytes(jaxpr: core.Jaxpr) -> int:
    """The most bytes that the program's own values take at any one time; its inputs are not counted.

    Values are made in the order of the program and dropped after their last use. One that a folded operation
    (`FREE`), or an element-by-element one that is read once, makes is not stored; what it was made of then lives on in
    its place. A compiler may do better (other orders, recomputation) or worse (room for its kernels).

    >>> def squares(x):
    ...     return (x * x).sum()
    >>> x = jax.ShapeDtypeStruct((256,), np.float32)
    >>> peak_bytes(jax.make_jaxpr(squares)(x).jaxpr)
    4
    """
    flat = _Flat()
    for variable in (*jaxpr.invars, *jaxpr.constvars):
        flat.number(variable, {}, size=0)
    names: dict[Any, int] = {variable: flat.seen[variable] for variable in (*jaxpr.invars, *jaxpr.constvars)}
    flat.add(jaxpr, names)
    results = {names[variable] for variable in jaxpr.outvars if isinstance(variable, core.Var)}
    return _peak(flat.equations, flat.sizes, results)


class _Flat:
    """A program with its inner calls written out."""

    def __init__(self) -> None:
        self.equations: list[_Equation] = []
        self.sizes: list[int] = []
        self.seen: dict[Any, int] = {}

    def number(self, variable: Any, names: dict[Any, int], size: int | None = None) -> int:
        """A new number for a variable."""
        self.sizes.append(_bytes(variable.aval) if size is None else size)
        names[variable] = self.seen[variable] = len(self.sizes) - 1
        return names[variable]

    def add(self, jaxpr: core.Jaxpr, names: dict[Any, int]) -> None:
        """Appends the equations of a program whose inputs have their numbers in `names`."""
        for equation in jaxpr.eqns:
            reads = [names.get(v) if isinstance(v, core.Var) else None for v in equation.invars]
            inner = _called(equation)
            if inner is not None:
                local: dict[Any, int] = {}
                for variable in inner.constvars:
                    self.number(variable, local, size=0)
                for variable, given in zip(inner.invars, reads, strict=True):
                    if given is None:
                        self.number(variable, local, size=0)
                    else:
                        local[variable] = given
                self.add(inner, local)
                for variable, made in zip(equation.outvars, inner.outvars, strict=True):
                    if isinstance(made, core.Var):
                        names[variable] = local[made]
                    else:
                        self.number(variable, names)
                continue
            inside = max((peak_bytes(part) for part in _parts(equation.params)), default=0)
            makes = tuple(self.number(variable, names) for variable in equation.outvars)
            read = tuple(number for number in reads if number is not None)
            self.equations.append(_Equation(equation.primitive.name, read, makes, inside))


def traffic_bytes(jaxpr: core.Jaxpr) -> int:
    """Bytes that the program's operations read and write, each a kernel of its own that folds in what it can.

    What is not stored (see `peak_bytes`) is computed where it is read, from what it stands for, which is read then.
    What a loop does inside is not counted.

    >>> def squares(x):
    ...     return (x * x).sum()
    >>> x = jax.ShapeDtypeStruct((256,), np.float32)
    >>> traffic_bytes(jax.make_jaxpr(squares)(x).jaxpr)
    1028
    """
    flat = _Flat()
    names: dict[Any, int] = {}
    for variable in (*jaxpr.invars, *jaxpr.constvars):
        flat.number(variable, names)
    flat.add(jaxpr, names)
    results = {names[variable] for variable in jaxpr.outvars if isinstance(variable, core.Var)}
    stands = _folded(flat.equations, results)
    total = 0
    for equation in flat.equations:
        stored = [number for number in equation.makes if number not in stands]
        if stored:
            read = frozenset().union(*(stands.get(number, frozenset((number,))) for number in equation.reads))
            total += sum(flat.sizes[number] for number in (*read, *stored))
    return total


def _folded(equations: list[_Equation], results: set[int]) -> dict[int, frozenset[int]]:
    """The values that are not stored, with the stored ones that each is computed from."""
    uses = Counter(number for equation in equations for number in equation.reads)
    stands: dict[int, frozenset[int]] = {}
    for equation in equations:
        once = all(uses[number] <= 1 for number in equation.makes)
        folded = equation.name in FREE or (equation.name in ELEMENTWISE and once)
        if folded and not results.intersection(equation.makes):
            origin = frozenset().union(
                *(stands.get(number, frozenset((number,))) for number in equation.reads)
            )
            stands.update((number, origin) for number in equation.makes)
    return stands


def _peak(equations: list[_Equation], sizes: list[int], results: set[int]) -> int:
    stands = _folded(equations, results)

    def roots(number: int) -> frozenset[int]:
        return stands.get(number, frozenset((number,)))

    last: dict[int, int] = {}
    for index, equation in enumerate(equations):
        for number in equation.reads:
            last.update((root, index) for root in roots(number))
    alive = peak = 0
    dies: dict[int, list[int]] = {}
    for number, index in last.items():
        dies.setdefault(index, []).append(number)
    stored: set[int] = set()
    for index, equation in enumerate(equations):
        made = [number for number in equation.makes if number not in stands]
        new = sum(sizes[number] for number in made)
        peak = max(peak, alive + max(new, equation.inside))
        kept = [number for number in made if number in last or number in results]
        stored.update(kept)
        alive += sum(sizes[number] for number in kept)
        gone = [number for number in dies.get(index, ()) if number in stored and number not in results]
        alive -= sum(sizes[number] for number in gone)
    return peak


def _called(equation: Any) -> core.Jaxpr | None:
    """The program that an equation calls as it is, such as a jitted function; None for loops and all else."""
    if equation.primitive.name in ("scan", "while", "cond", "shard_map"):
        return None
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = equation.params.get(name)
        inner = getattr(inner, "jaxpr", inner)
        if isinstance(inner, core.Jaxpr) and len(inner.invars) == len(equation.invars):
            return inner
    return None


def _parts(params: Any) -> Iterator[core.Jaxpr]:
    """Every program among an equation's parameters."""
    for value in params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            inner = getattr(one, "jaxpr", one)
            if isinstance(inner, core.Jaxpr):
                yield inner


def _bytes(leaf: Any) -> int:
    """Bytes of an array or of a shape; a random key has those of its two words."""
    count = int(np.prod(leaf.shape)) if hasattr(leaf, "shape") else 1
    dtype = getattr(leaf, "dtype", None)
    if dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.extended):
        return 8 * count
    return count * (np.dtype(dtype).itemsize if dtype is not None else 4)
