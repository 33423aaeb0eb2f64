"""Adversarial adaptation in the space of outputs: AdaptSegNet (Tsai et al. 2018) and AdvEnt (Vu et al. 2019).

A discriminator D_l watches each level l, a head of the network with probabilities p_l, and tells source from target by
the map M(p_l) over a whole image. The network learns its objective, and to be taken for the source on the target:

    network          sum over terms of weight * loss  +  sum over l of weight_l * mean g(D_l(M(p_l^T)), source)
    discriminators   sum over l of (mean d(D_l(M(p_l^S)), source) + mean d(D_l(M(p_l^T)), target)) / 2

    M(p) = p  in AdaptSegNet,    M(p) = -p log2 p / log2 C  in AdvEnt

One step, as in the released code: forward the source and then the target; the network's gradient, through
discriminators that are held; the discriminators' gradient, at the same parameters of theirs, on the same maps, cut off
from the network; then every optimiser moves its own.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import AdversarialCrossEntropy, AdversarialLoss, Scalar, pytree
from jaxseg.methods._several import beside, check_maps, fresh_moments
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods._warmed import Warmed
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, State, initial_state
from jaxseg.methods.objective import HEADS, Summand, WarmStart, brought_to
from jaxseg.methods.optimizer import SGD, STATIC, Adam, Optimizer
from jaxseg.models import MapNetwork, Network, Output

MAPS = ("probabilities", "self_information")
ADVERSARIES = "discriminators"
"""Under this name parameters, statistics and optimiser state hold one entry a level; the network's is `network`."""

Maps = dict[str, dict[str, Array]]


def self_information(logits: Float[Array, "*B C"]) -> Float[Array, "*B C"]:
    """AdvEnt's weighted self-information of every class; over the classes it sums to the normalised entropy.

        I_c = -p_c log2 p_c / log2 C,    p = softmax(x)

    The released code adds 1e-30 to p in the logarithm; here log p comes from the logits, finite at any p.

    Args:
      logits: [*B, C] unnormalised scores x, of two classes or more.

    Returns:
      [*B, C], 0 where the network is sure of p_c = 0 or 1.

    Source: Vu et al. 2019, Section 3.2.

    >>> self_information(jnp.zeros(2))
    Array([0.5, 0.5], dtype=float32)
    """
    log_p = jax.nn.log_softmax(logits)
    return -jnp.exp(log_p) * log_p / math.log(logits.shape[-1])


@pytree
@dataclasses.dataclass(frozen=True)
class Level:
    """A head of the network with a discriminator of its own.

    Attributes:
      weight: of its adversarial loss, a leaf. Both papers: 0.001 on the main head, alone or with 0.0002 on the
        auxiliary one. AdaptSegNet's least squares, main head alone: 0.01.
      head: `"logits"` (main) or `"aux"`.
    """

    weight: Scalar = 0.001
    head: str = dataclasses.field(default="logits", metadata=STATIC)


@pytree
@dataclasses.dataclass(frozen=True)
class AdversarialMethod(Warmed):
    """AdaptSegNet and AdvEnt, with one level or several.

    AdaptSegNet is `maps="probabilities"`, AdvEnt `maps="self_information"`; both have the objective of cross entropy on
    the source, with weight 0.1 on the auxiliary head where that is a level, and go without a warm start. Maps have the
    labels' size. Pixels that augmentation padded (`valid` false) are 0 in the maps of both domains, so they send no
    gradient to the network; the published recipes pad none. Source pixels without a label keep their prediction.

    Published: `SGD()` with ten times the rate for the heads and `Adam(1e-4, b1=0.9, b2=0.99)`, one image a domain, both
    rates decaying over 250,000 steps and stopped at 150,000 (AdaptSegNet) or 120,000 (AdvEnt), which is
    `Poly(stretch=5 / 3)` and `Poly(stretch=25 / 12)`.

    Attributes:
      network: the segmentation network.
      discriminator: of every level, each with parameters of its own: `models.output_discriminator(classes)`.
      objective: terms by name, on either domain, as in `ObjectiveMethod`.
      steps: updates of the adversarial phase.
      levels: by name; the names appear in the metrics.
      loss: of scores, for both players; the source is the real one.
      maps: what the discriminators are shown, `"probabilities"` or `"self_information"`.
      optimizer: of the network.
      discriminator_optimizer: of the discriminators.
      warm_start: an objective to run first, during which the discriminators rest, or None.

    Source: Tsai et al., "Learning to Adapt Structured Output Space for Semantic Segmentation", 2018, Sections 3 and 4;
    Vu et al., "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in Semantic Segmentation", 2019.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    discriminator: MapNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    levels: Mapping[str, Level] = dataclasses.field(default_factory=lambda: {"main": Level()})
    loss: AdversarialLoss = AdversarialCrossEntropy()
    maps: str = dataclasses.field(default="probabilities", metadata=STATIC)
    optimizer: Optimizer = SGD()
    discriminator_optimizer: Optimizer = Adam(learning_rate=1e-4, b1=0.9, b2=0.99)
    warm_start: WarmStart | None = None

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        self.alone.validate()
        if self.maps not in MAPS:
            raise InputError(f"maps: {self.maps!r} is not known; use {MAPS[0]!r} or {MAPS[1]!r}")
        if self.network.classes < 2:
            raise InputError(
                f"network.classes: {self.network.classes}; its probabilities tell nothing, use at least 2"
            )
        if self.discriminator.channels != self.network.classes:
            raise InputError(
                f"discriminator.channels: {self.discriminator.channels} and the network scores "
                f"{self.network.classes} classes; make them equal"
            )
        if not self.levels:
            raise InputError(
                "levels: none given; name at least one, or use ObjectiveMethod where there is no adversary"
            )
        for name, level in self.levels.items():
            if level.head not in HEADS:
                raise InputError(f"levels.{name}.head: {level.head!r}; use {HEADS[0]!r} or {HEADS[1]!r}")
            for taken in {f"adversarial_{name}", f"discriminator_{name}"} & {*self.objective}:
                raise InputError(f"objective.{taken}: the name of level {name!r}'s own term; choose another")

    def terms(self, phase: int) -> dict[str, str]:
        levels = () if self.rests(phase) else self.levels
        return super().terms(phase) | {f"adversarial_{name}": f"levels.{name}.weight" for name in levels}

    def init(self, seed: Array, image: Array) -> State:
        batch, height, width, _ = image.shape
        check_maps(self.discriminator, height, width)
        state = initial_state(self, seed, image)
        maps = jnp.zeros((batch, height, width, self.discriminator.channels))
        drawn = {
            name: self.discriminator.init(jax.random.fold_in(jax.random.key(seed), index), maps)
            for index, name in enumerate(self.levels)
        }
        return beside(state, {ADVERSARIES: drawn})

    def begin(self, state: State, phase: int) -> State:
        optimizers = {"network": self.learned(phase)[1], ADVERSARIES: self.discriminator_optimizer}
        return dataclasses.replace(state, opt_state=fresh_moments(state, optimizers))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        objective, optimizer = self.learned(phase)
        levels = {} if self.rests(phase) else self.levels
        steps = self.phases[phase].steps
        position = self.position(state, phase)
        params, batch_stats, opt_state = dict(state.params), dict(state.batch_stats), dict(state.opt_state)

        learn = jax.value_and_grad(self._loss, has_aux=True)
        (value, (terms, maps, batch_stats["network"])), gradient = learn(
            params["network"], state, batch, objective, levels
        )
        params["network"], opt_state["network"] = moved(
            optimizer, params["network"], gradient, opt_state["network"], position, steps, self.network.head
        )
        metrics = {
            "loss": value,
            "terms": terms,
            "gradient_norm": optax.global_norm(gradient),
            "learning_rate": optimizer.rate(position, steps),
        }
        if levels:
            judge = jax.grad(self._judged, has_aux=True)
            against, (found, shares, batch_stats[ADVERSARIES]) = judge(params[ADVERSARIES], state, maps)
            adversary = self.discriminator_optimizer
            params[ADVERSARIES], opt_state[ADVERSARIES] = moved(
                adversary, params[ADVERSARIES], against, opt_state[ADVERSARIES], position, steps
            )
            metrics |= {"terms": terms | found, **shares}
            metrics["discriminator_learning_rate"] = adversary.rate(position, steps)
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return new, metrics

    def _loss(
        self,
        params: Any,
        state: State,
        batch: Batch,
        objective: Mapping[str, Summand],
        levels: Mapping[str, Level],
    ) -> tuple[Float[Array, ""], tuple[dict[str, Array], Maps, Any]]:
        """The network's loss; its terms, the maps that every level shows of both domains, its batch statistics."""
        read = self.domains if levels else {term.domain for term in objective.values()}
        images = {domain: batch[domain]["image"] for domain in self.domains if domain in read}
        key = state.key(METHOD_STREAM)
        outputs, after = forwarded(self.network, params, state.batch_stats["network"], images, key)
        terms, total = {}, jnp.zeros(())
        for name, term in objective.items():
            terms[name] = term(self.network, outputs[term.domain], batch[term.domain])
            total += term.weight * terms[name]
        maps: Maps = {}
        for name, level in levels.items():
            maps[name] = {domain: self._map(name, outputs[domain], batch[domain]) for domain in self.domains}
            held = {"params": state.params[ADVERSARIES][name]}
            held["batch_stats"] = state.batch_stats[ADVERSARIES][name]
            scores, _ = self._scores(held, maps[name]["target"], key, len(self.domains))
            terms[f"adversarial_{name}"] = losses.mean(self.loss.generator(scores))
            total += level.weight * terms[f"adversarial_{name}"]
        return total, (terms, maps, after)

    def _judged(
        self, params: Any, state: State, maps: Maps
    ) -> tuple[Float[Array, ""], tuple[dict[str, Array], dict[str, Array], Any]]:
        """The discriminators' loss; each one's loss, share of right scores (the mean of both domains), statistics."""
        key = state.key(METHOD_STREAM)
        found, shares, after = {}, {}, dict(state.batch_stats[ADVERSARIES])
        for name, shown in maps.items():
            found[f"discriminator_{name}"] = shares[f"discriminator_accuracy_{name}"] = jnp.zeros(())
            for stream, domain in enumerate(self.domains, start=len(self.domains) + 1):
                variables = {"params": params[name], "batch_stats": after[name]}
                scores, after[name] = self._scores(variables, shown[domain], key, stream)
                real = domain == "source"
                values = self.loss.discriminator(scores, real)
                right = values < self.loss.discriminator(scores, not real)
                found[f"discriminator_{name}"] += losses.mean(values) / len(self.domains)
                shares[f"discriminator_accuracy_{name}"] += losses.mean(right) / len(self.domains)
        return sum(found.values(), jnp.zeros(())), (found, shares, after)

    def _map(self, name: str, output: Output, part: Mapping[str, Array]) -> Float[Array, "B H W C"]:
        """What the discriminator of a level is shown of one domain's output."""
        level = self.levels[name]
        logits = getattr(output, level.head)
        if logits is None:
            raise InputError(
                f"levels.{name}.head: this network has no {level.head!r} output; use head 'logits'"
            )
        logits = brought_to(self.network, logits, part["label"].shape)
        if logits.ndim == 2:
            raise InputError(
                "network: it gives one prediction an image, and these discriminators watch maps; use DANN"
            )
        shown = self_information(logits) if self.maps == "self_information" else jax.nn.softmax(logits)
        return jnp.where(part["valid"][..., None], shown, 0.0)

    def _scores(
        self, variables: Mapping[str, Any], maps: Float[Array, "B H W C"], key: Array, stream: int
    ) -> tuple[Float[Array, "B h w 1"], Any]:
        """A discriminator's scores of maps of one domain, and its batch statistics after them."""
        draws = {"dropout": jax.random.fold_in(key, stream)}
        output, after = self.discriminator.apply(variables, maps, train=True, rngs=draws)
        return output.logits, after
