"""Training on any sum of losses over a labelled source and an unlabelled target: the method behind most experiments.

    L = sum over terms of weight * loss(head of the network on the term's domain)

Source-only training is one term; MaxSquare (Chen et al. 2019) is two; an oracle is a source term on target data. With a
`warm_start`, another objective runs first, as these papers pretrain on the source; then the optimiser starts afresh.

The domains are forwarded one after the other, source first, and the batch statistics threaded in that order, as the
released code of MaxSquare, AdaptSegNet and AdvEnt does; `forward="concatenated"` makes one batch of both (ours). The
gradient is that of the sum, which equals two accumulated backward passes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.losses import Loss, Scalar, pytree
from jaxseg.methods._steps import check_forward, forwarded, moved
from jaxseg.methods.method import METHOD_STREAM, Batch, Method, Metrics, Phase, State, initial_state
from jaxseg.methods.optimizer import SGD, STATIC, Optimizer
from jaxseg.models import Network, Output


def brought_to(
    network: Network, logits: Float[Array, "B *_ C"], labels: tuple[int, ...]
) -> Float[Array, "B *_ C"]:
    """Logits at the size of labels of the given shape.

    Args:
      network: whose logits they are; its interpolation is used.
      logits: [B, h, w, C], or [B, C] of a classifier of whole images.
      labels: shape of the labels, (B, H, W), or (B,) where a label is the class of an image.

    Returns:
      [B, H, W, C], or the [B, C] logits as they are.

    Raises:
      InputError: a classifier met label maps, or a segmentation network met classes of images.

    >>> brought_to(Network(10), jnp.zeros((2, 10)), (2,)).shape
    (2, 10)
    >>> brought_to(Network(3), jnp.zeros((2, 4, 4, 3)), (2, 8, 8)).shape
    (2, 8, 8, 3)
    """
    if logits.ndim == 2 and len(labels) > 1:
        raise InputError(
            "network: it gives one prediction an image, the data a label map; use a segmentation network"
        )
    if logits.ndim > 2 and len(labels) == 1:
        raise InputError(
            "network: it gives a map of predictions, the data one label an image; use a classifier"
        )
    return logits if logits.ndim == 2 else network.upsample(logits, (labels[1], labels[2]))


HEADS = ("logits", "aux")


class Summand:
    """Base class of what an objective adds up: frozen pytree dataclasses, called with one domain's output and batch.

    Attributes:
      weight: its factor, a leaf.
      domain: `"source"` or `"target"`, whose output and batch it is given.
      head: the head that learns, `"logits"` (main) or `"aux"`.
    """

    weight: Scalar
    domain: str
    head: str

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The unweighted value on one domain's output and batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define a value")

    def validate(self, name: str, domains: Sequence[str]) -> None:
        """Raises `InputError`, which calls the summand `name`, where a field is none of what it may be."""
        if self.domain not in domains:
            raise InputError(f"{name}.domain: {self.domain!r}; use 'source' or 'target'")
        if self.head not in HEADS:
            raise InputError(f"{name}.head: {self.head!r}; use 'logits' or 'aux'")


def head_of(
    network: Network, output: Output, head: str, batch: Mapping[str, Array]
) -> Float[Array, "B *_ C"]:
    """The logits of one head, brought to the size of the batch's labels.

    Raises:
      InputError: the network has no such head, or its output and the labels are not of one kind, or it scores another
        number of classes than it says.

    >>> head_of(Network(3), Output(jnp.zeros((2, 4, 4, 3))), "logits", {"label": jnp.zeros((2, 8, 8), int)}).shape
    (2, 8, 8, 3)
    """
    logits = getattr(output, head)
    if logits is None:
        raise InputError(
            f"term.head: this network has no {head!r} output; use head 'logits', or a network with it"
        )
    if logits.shape[-1] != network.classes:
        raise InputError(
            f"network.classes: {network.classes}, and its {head!r} output scores {logits.shape[-1]}; build its module "
            "for as many classes in the config"
        )
    return brought_to(network, logits, batch["label"].shape)


@pytree
@dataclasses.dataclass(frozen=True)
class Term(Summand):
    """A loss of one head on one domain.

    Attributes:
      loss: any loss object of `jaxseg.losses`.
      weight: its factor, a leaf.
      domain: `"source"` or `"target"`.
      head: `"logits"` (main) or `"aux"`.

    A loss that takes labels on the target domain reads the target's labels: that is an oracle, never adaptation.
    """

    loss: Loss
    weight: Scalar = 1.0
    domain: str = dataclasses.field(default="source", metadata=STATIC)
    head: str = dataclasses.field(default="logits", metadata=STATIC)

    def __call__(self, network: Network, output: Output, batch: Mapping[str, Array]) -> Float[Array, ""]:
        """The unweighted value on one domain's output and batch; logits are brought to the labels first."""
        logits = head_of(network, output, self.head, batch)
        if logits.ndim > 2:
            return self._average(logits, batch)
        try:
            return self._average(logits, batch)
        except InputError:
            raise
        except ValueError as error:  # losses of areas or neighbours, which say that they take [..., H, W, C]
            raise InputError(
                f"term.loss: {type(self.loss).__name__} cannot be used where a label is the class of an image "
                f"({str(error).splitlines()[0]}); use a loss of single predictions"
            ) from error

    def _average(self, logits: Array, batch: Mapping[str, Array]) -> Float[Array, ""]:
        if self.loss.takes == "logits":
            return self.loss.average(logits, None, where=batch["valid"])
        if self.loss.takes == "labels":
            return self.loss.average(logits, batch["label"], where=None)
        if "targets" not in batch:
            raise InputError(
                f"term.loss: {type(self.loss).__name__} takes target distributions and the {self.domain} batch has "
                "none; use a loss of labels or logits, or a method that makes targets"
            )
        # A pixel whose targets are all 0 has no label, and does not count in the mean.
        known = jnp.sum(batch["targets"], axis=-1) > 0.0
        return self.loss.average(logits, batch["targets"], where=batch["valid"] & known)


@pytree
@dataclasses.dataclass(frozen=True)
class WarmStart:
    """A first phase with its own objective and optimiser."""

    steps: int = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    optimizer: Optimizer = SGD()


@pytree
@dataclasses.dataclass(frozen=True)
class ObjectiveMethod(Method):
    """Gradient descent on an objective.

    Attributes:
      network: the segmentation network, or a classifier of whole images.
      objective: terms by name, each a `Term` or another `Summand`; the names appear in the progress line, the metrics
        and on the command line.
      steps: updates of the main phase.
      optimizer: of the main phase.
      warm_start: an objective to run first, or None.
      forward: `"separate"` (source, then target) or `"concatenated"`.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    optimizer: Optimizer = SGD()
    warm_start: WarmStart | None = None
    forward: str = dataclasses.field(default="separate", metadata=STATIC)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        check_forward(self.network, self.forward)
        for index in range(len(self.phases)):
            for name, term in self._objective(index)[0].items():
                term.validate(f"objective.{name}", self.domains)

    @property
    def phases(self) -> tuple[Phase, ...]:
        main = Phase("train", self.steps)
        return (Phase("warm_start", self.warm_start.steps), main) if self.warm_start else (main,)

    def _objective(self, phase: int) -> tuple[Mapping[str, Summand], Optimizer]:
        if self.warm_start is not None and phase == 0:
            return self.warm_start.objective, self.warm_start.optimizer
        return self.objective, self.optimizer

    def needs(self) -> tuple[str, ...]:
        read = {domain for index in range(len(self.phases)) for domain in self.reads(index)}
        return tuple(domain for domain in self.domains if domain in read)

    def reads(self, phase: int) -> tuple[str, ...]:
        terms = self._objective(phase)[0].values()
        return tuple(domain for domain in self.domains if any(term.domain == domain for term in terms))

    def init(self, seed: Array, image: Array) -> State:
        return initial_state(self, seed, image)

    def begin(self, state: State, phase: int) -> State:
        optimizer = self._objective(phase)[1].transformation(0, 1)
        return dataclasses.replace(state, opt_state=optimizer.init(state.params))

    def _position(self, state: State, phase: int) -> Array:
        """Steps that a phase has behind it."""
        return state.step - sum(earlier.steps for earlier in self.phases[:phase])

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        objective, optimizer = self._objective(phase)
        steps = self.phases[phase].steps

        def loss(params: Any) -> tuple[Float[Array, ""], tuple[Any, dict[str, Array]]]:
            outputs, batch_stats = self._outputs(params, state, batch, objective)
            terms = {
                name: term(self.network, outputs[term.domain], batch[term.domain])
                for name, term in objective.items()
            }
            total = jnp.zeros(())
            for name, term in objective.items():
                total += term.weight * terms[name]
            return total, (batch_stats, terms)

        (value, (batch_stats, terms)), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        position = self._position(state, phase)
        params, opt_state = moved(
            optimizer, state.params, gradient, state.opt_state, position, steps, self.network.head
        )
        metrics = {
            "loss": value,
            "terms": terms,
            "gradient_norm": optax.global_norm(gradient),
            "learning_rate": optimizer.rate(position, steps),
        }
        new = dataclasses.replace(
            state,
            step=state.step + 1,
            params=params,
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        return new, metrics

    def _outputs(
        self, params: Any, state: State, batch: Batch, objective: Mapping[str, Summand]
    ) -> tuple[dict[str, Output], Any]:
        """The network's output on every domain that the objective reads, and the batch statistics after them."""
        used = [
            domain for domain in self.domains if any(term.domain == domain for term in objective.values())
        ]
        return forwarded(
            self.network,
            params,
            state.batch_stats,
            {domain: batch[domain]["image"] for domain in used},
            state.key(METHOD_STREAM),
            concatenated=self.forward == "concatenated",
        )
