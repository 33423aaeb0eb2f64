"""One of several objectives, chosen by name: a table of losses from one config, and losses as an axis of a sweep.

python -m experiments.train configs/grand/streets.py --objective.labels.chosen focal
python -m experiments.sweep configs/grand/streets.py --grid objective.labels.chosen=ce,focal,huber seed=0..2
"""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods.method import Method
from jaxseg.methods.objective import Summand
from jaxseg.methods.optimizer import STATIC
from jaxseg.models import Network, Output


@pytree
@dataclasses.dataclass(frozen=True)
class OneOf(Summand):
    """The chosen one of several objectives of one domain; the others are not computed.

        sum_t w_t term_t        over the terms t of the chosen objective

    It is logged, and diagnosed, as one term.

    Attributes:
      objectives: name -> the terms that it adds up, each with its own weight and head.
      chosen: the name of one of them.
      weight: factor of the sum, a leaf.
      domain: whose output and batch all terms are given.
      head: `"logits"`: every term has its own.

    Source: ours.

    >>> from jaxseg import losses
    >>> from jaxseg.methods import Term
    >>> either = OneOf({"ce": {"all": Term(losses.SoftmaxCrossEntropy())}, "none": {}}, chosen="none")
    >>> float(either(Network(2), Output(jnp.zeros((1, 2, 2, 2))), {"label": jnp.zeros((1, 2, 2), int)}))
    0.0
    """

    objectives: Mapping[str, Mapping[str, Summand]]
    chosen: str = dataclasses.field(metadata=STATIC)
    weight: Scalar = 1.0
    domain: str = dataclasses.field(default="source", metadata=STATIC)
    head: str = dataclasses.field(default="logits", metadata=STATIC)

    def validate(self, name: str, domains: Sequence[str]) -> None:
        super().validate(name, domains)
        if self.head != "logits":
            raise InputError(f"{name}.head: {self.head!r}; leave it 'logits' and give the terms their heads")
        if self.chosen not in self.objectives:
            near = difflib.get_close_matches(self.chosen, self.objectives, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(self.objectives)}"
            raise InputError(f"{name}.chosen: {self.chosen!r} is not known; {hint}")
        for of, terms in self.objectives.items():
            for key, term in terms.items():
                place = f"{name}.objectives.{of}.{key}"
                term.validate(place, domains)
                if term.domain != self.domain:
                    raise InputError(
                        f"{place}.domain: {term.domain!r}; {name} is of the {self.domain}'s batch"
                    )

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The sum of the chosen objective's terms on one domain's output and batch."""
        total = jnp.zeros(())
        for term in self.objectives[self.chosen].values():
            total += term.weight * term(network, output, batch)
        return total


def check_read(option: str, method: Method) -> None:
    """Raises `InputError` where an option, by its dotted name, is of an objective that is not the chosen one.

    >>> from jaxseg import losses
    >>> from jaxseg.methods import ObjectiveMethod, Term
    >>> either = OneOf({"ce": {"all": Term(losses.SoftmaxCrossEntropy())}, "none": {}}, chosen="none")
    >>> check_read("objective.labels.objectives.ce.all.weight", ObjectiveMethod(Network(2), {"labels": either}, 1))
    Traceback (most recent call last):
      ...
    jaxseg.errors.InputError: objective.labels.objectives.ce.all.weight: changes nothing, for 'none' is chosen; ...
    """
    value: Any = method
    words = option.replace("-", "_").split(".")
    for place, (word, after, choice) in enumerate(zip(words, words[1:], words[2:], strict=False)):
        value = value.get(word) if isinstance(value, Mapping) else getattr(value, word, None)
        if isinstance(value, OneOf) and after == "objectives" and choice != value.chosen.replace("-", "_"):
            chosen = ".".join([*words[: place + 1], "chosen"])
            raise InputError(
                f"{option}: changes nothing, for {value.chosen!r} is chosen; leave it out, or set {chosen}"
            )
