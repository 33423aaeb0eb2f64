"""Adversarial training of a segmentation network: Luc, Couprie, Chintala and Verbeek 2016.

A discriminator a sees an image x with a label map, and tells the true labels y from the network's prediction s(x). The
network learns its objective, and that its prediction be taken for labels:

    network         sum over terms of weight * loss  +  weight * mean g(a(x, s(x)), real)
    discriminator   mean d(a(x, y), real)  +  mean d(a(x, s(x)), not real)

The paper's hybrid loss has -d(a(x, s(x)), not real) for the network; as the paper trains, it is g here, for the
gradient of the former vanishes where the discriminator is sure. Both players move in every step, each at the other's
parameters before it. There is one domain, the labelled one.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Integer

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import AdversarialCrossEntropy, AdversarialLoss, Scalar, pytree
from jaxseg.methods._several import beside, check_maps, fresh_moments
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods._warmed import Warmed
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, State, initial_state
from jaxseg.methods.objective import Summand, WarmStart, head_of
from jaxseg.methods.optimizer import SGD, STATIC, Adam, Optimizer
from jaxseg.models import MapNetwork, Network

INPUTS = ("basic", "product", "scaling", "beside")
ADVERSARY = "discriminator"
"""Under this name parameters, statistics and optimiser state hold the discriminator's."""
DECEIT, JUDGED = "adversarial", "discriminator"
"""Names of the two players' losses among the terms."""


def label_map(
    labels: Integer[Array, "*B"],
    probabilities: Float[Array, "*B C"],
    kind: str = "basic",
    least: Scalar = 0.9,
) -> Float[Array, "*B C"]:
    """The map of true labels that a discriminator sees.

        basic:    1 for the class y of the pixel, 0 for the others
        scaling:  max(least, p_y) for the class y,  p_c (1 - max(least, p_y)) / (1 - p_y)  for the others

    Scaled, a true map is no longer told from a prediction by its zeros and ones alone.

    Args:
      labels: [*B] class ids y; a pixel whose id is outside 0..C-1 is 0.
      probabilities: [*B, C] the prediction p there.
      kind: "scaling"; any other gives the basic map.
      least: the paper's tau, 0..1.

    Returns:
      [*B, C], without any gradient.

    Source: Luc et al. 2016, Section 3.2.

    >>> label_map(jnp.array([0, 255]), jnp.array([[0.5, 0.25, 0.25]] * 2), "scaling", 0.75)
    Array([[0.75 , 0.125, 0.125],
           [0.   , 0.   , 0.   ]], dtype=float32)
    """
    p = jax.lax.stop_gradient(probabilities)
    true = labels[..., None].astype(jnp.int32) == jnp.arange(p.shape[-1])
    if kind != "scaling":
        return true.astype(p.dtype)
    score = jnp.sum(jnp.where(true, p, 0.0), axis=-1, keepdims=True)
    raised = jnp.maximum(jnp.asarray(least, p.dtype), score)
    # 1 - p_y as the sum of the others: where nothing is left of them, nothing is to be shared either.
    rest = jnp.sum(jnp.where(true, 0.0, p), axis=-1, keepdims=True)
    others = p * (1.0 - raised) / jnp.maximum(rest, jnp.finfo(p.dtype).tiny)
    return jnp.where(jnp.any(true, axis=-1, keepdims=True), jnp.where(true, raised, others), 0.0)


@pytree
@dataclasses.dataclass(frozen=True)
class LabelAdversary(Warmed):
    """A network and the discriminator that tells its predictions from labels.

    Stated in the paper: the two losses, cross entropy for both players, and what the discriminator sees. Not stated
    there or not known here, and ours: the weight, rates, optimisers, that both players move in every step, that maps
    have the labels' size, that pixels without a label are 0 in both maps, and the layers of the discriminator. One
    with a field of view of 34 x 34 pixels, the paper's LargeFOV, is `models.patchgan(channels=..., layers=2)`.

    Attributes:
      network: the segmentation network.
      discriminator: of maps with C channels, 3 C (`inputs="product"`) or C + 3 (`"beside"`).
      objective: terms by name, as in `ObjectiveMethod`; the paper's is cross entropy on the source.
      steps: updates of the adversarial phase.
      weight: the paper's lambda, a leaf.
      inputs: what the discriminator sees: `"basic"`, the label map alone; `"product"`, the label map times each
        channel of the normalised image; `"scaling"`, the label map alone, the true one by `label_map`; or `"beside"`,
        the normalised image beside the label map (ours, for the paper's two branches).
      least: the paper's tau, of `"scaling"`.
      loss: of scores, for both players; true labels are the real ones.
      optimizer: of the network.
      discriminator_optimizer: of the discriminator.
      warm_start: an objective to run first, during which the discriminator rests, or None.

    Source: Luc, Couprie, Chintala and Verbeek, "Semantic Segmentation using Adversarial Networks", 2016, Section 3.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    discriminator: MapNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    weight: Scalar = 0.01
    inputs: str = dataclasses.field(default="basic", metadata=STATIC)
    least: Scalar = 0.9
    loss: AdversarialLoss = AdversarialCrossEntropy()
    optimizer: Optimizer = SGD()
    discriminator_optimizer: Optimizer = Adam(learning_rate=1e-4, b1=0.9, b2=0.99)
    warm_start: WarmStart | None = None

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        self.alone.validate()
        if self.inputs not in INPUTS:
            raise InputError(f"inputs: {self.inputs!r} is not known; use {', '.join(map(repr, INPUTS))}")
        channels = self._channels
        if self.discriminator.channels != channels:
            raise InputError(
                f"discriminator.channels: {self.discriminator.channels}; with inputs {self.inputs!r} and "
                f"{self.network.classes} classes it sees {channels}, make them equal"
            )
        for taken in {DECEIT, JUDGED} & {*self.objective}:
            raise InputError(f"objective.{taken}: the name of the method's own term; choose another")

    @property
    def _channels(self) -> int:
        classes = self.network.classes
        return {"product": 3 * classes, "beside": classes + 3}.get(self.inputs, classes)

    def needs(self) -> tuple[str, ...]:
        return tuple(domain for domain in self.domains if domain in {"source", *self.alone.needs()})

    def terms(self, phase: int) -> dict[str, str]:
        return super().terms(phase) | ({} if self.rests(phase) else {DECEIT: "weight"})

    def init(self, seed: Array, image: Array) -> State:
        batch, height, width, _ = image.shape
        check_maps(self.discriminator, height, width)
        maps = jnp.zeros((batch, height, width, self._channels))
        drawn = self.discriminator.init(jax.random.fold_in(jax.random.key(seed), 0), maps)
        return beside(initial_state(self, seed, image), {ADVERSARY: drawn})

    def begin(self, state: State, phase: int) -> State:
        optimizers = {"network": self.learned(phase)[1], ADVERSARY: self.discriminator_optimizer}
        return dataclasses.replace(state, opt_state=fresh_moments(state, optimizers))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        objective, optimizer = self.learned(phase)
        adversarial = not self.rests(phase)
        steps = self.phases[phase].steps
        position = self.position(state, phase)
        params, batch_stats, opt_state = dict(state.params), dict(state.batch_stats), dict(state.opt_state)

        learn = jax.value_and_grad(self._loss, has_aux=True)
        (value, (terms, predicted, batch_stats["network"])), gradient = learn(
            params["network"], state, batch, objective, adversarial
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
        if adversarial:
            adversary = self.discriminator_optimizer
            judge = jax.value_and_grad(self._judged, has_aux=True)
            (judged, (right, batch_stats[ADVERSARY])), against = judge(
                params[ADVERSARY], state, batch["source"], predicted
            )
            params[ADVERSARY], opt_state[ADVERSARY] = moved(
                adversary, params[ADVERSARY], against, opt_state[ADVERSARY], position, steps
            )
            metrics["terms"] = terms | {JUDGED: judged}
            metrics["discriminator_accuracy"] = right
            metrics["discriminator_learning_rate"] = adversary.rate(position, steps)
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return new, metrics

    def _loss(
        self, params: Any, state: State, batch: Batch, objective: Mapping[str, Summand], adversarial: bool
    ) -> tuple[Float[Array, ""], tuple[dict[str, Array], Float[Array, "..."] | None, Any]]:
        """The network's loss; its terms, the probabilities on the source, and its batch statistics."""
        read = {term.domain for term in objective.values()} | ({"source"} if adversarial else set())
        images = {domain: batch[domain]["image"] for domain in self.domains if domain in read}
        key = state.key(METHOD_STREAM)
        outputs, after = forwarded(self.network, params, state.batch_stats["network"], images, key)
        terms, total = {}, jnp.zeros(())
        for name, term in objective.items():
            terms[name] = term(self.network, outputs[term.domain], batch[term.domain])
            total += term.weight * terms[name]
        if not adversarial:
            return total, (terms, None, after)
        logits = head_of(self.network, outputs["source"], "logits", batch["source"])
        if logits.ndim == 2:
            raise InputError(
                "network: it gives one prediction an image, and this discriminator watches label maps"
            )
        predicted = jax.nn.softmax(logits)
        held = {"params": state.params[ADVERSARY], "batch_stats": state.batch_stats[ADVERSARY]}
        scores, _ = self._scores(held, predicted, batch["source"], key, len(self.domains))
        terms[DECEIT] = losses.mean(self.loss.generator(scores))
        return total + self.weight * terms[DECEIT], (terms, predicted, after)

    def _judged(
        self, params: Any, state: State, part: Mapping[str, Array], predicted: Float[Array, "B H W C"]
    ) -> tuple[Float[Array, ""], tuple[Float[Array, ""], Any]]:
        """The discriminator's loss; its share of right scores (the mean of both maps), and its statistics."""
        key, total, share = state.key(METHOD_STREAM), jnp.zeros(()), jnp.zeros(())
        after = state.batch_stats[ADVERSARY]
        true = label_map(part["label"], predicted, self.inputs, self.least)
        for stream, (maps, real) in enumerate(
            ((true, True), (predicted, False)), start=len(self.domains) + 1
        ):
            variables = {"params": params, "batch_stats": after}
            scores, after = self._scores(variables, maps, part, key, stream)
            values = self.loss.discriminator(scores, real)
            total += losses.mean(values)
            share += losses.mean(values < self.loss.discriminator(scores, not real)) / 2
        return total, (share, after)

    def _scores(
        self,
        variables: Mapping[str, Any],
        maps: Float[Array, "B H W C"],
        part: Mapping[str, Array],
        key: Array,
        stream: int,
    ) -> tuple[Float[Array, "B h w 1"], Any]:
        """The discriminator's scores of an image with a label map, and its batch statistics after them."""
        known = losses.valid_pixels(part["label"], self.network.classes, part["valid"])[..., None]
        seen = jnp.where(known, maps, 0.0)
        if self.inputs in ("product", "beside"):
            image = self.network.normalization(part["image"])
            if self.inputs == "beside":
                seen = jnp.concatenate([seen, jnp.where(known, image, 0.0)], axis=-1)
            else:
                products = seen[..., :, None] * image[..., None, :]
                seen = products.reshape(*seen.shape[:-1], self._channels)
        draws = {"dropout": jax.random.fold_in(key, stream)}
        output, after = self.discriminator.apply(variables, seen, train=True, rngs=draws)
        return output.logits, after
