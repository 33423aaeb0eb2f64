"""Learning to reweight examples: weights of the source, made anew in every step from what they would do to the target.

Both domains are labelled. With epsilon the weights of the source's examples, at epsilon = 0 (so theta+ is theta):

    theta+(epsilon) = theta - alpha d/dtheta sum_i epsilon_i f_i(theta)
    u_i = max(-dL_t(theta+)/depsilon_i, 0) = max(alpha <df_i/dtheta, dL_t/dtheta>, 0)
    w_i = u_i / sum_j u_j,  or 0 where all are 0
    theta <- optimiser(theta, d/dtheta sum_i w_i f_i + target_weight dL_t/dtheta)

An example is an image, f_i the mean over its labelled pixels, or a pixel. alpha leaves w as it is, so there is none.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Loss, Scalar, pytree
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods.method import METHOD_STREAM, Batch, Method, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import brought_to
from jaxseg.methods.optimizer import SGD, STATIC, Optimizer
from jaxseg.models import Network

PER = ("image", "pixel")


@pytree
@dataclasses.dataclass(frozen=True)
class Reweight(Method):
    """Online weights of source images or pixels by the agreement of their gradient with the target's.

    The inner products come from one forward-mode pass along the target's gradient, exact and without a second backward
    pass. The target is the paper's clean validation set. Dropout draws the same masks in all passes of a domain; batch
    statistics are updated by the source and then by the target.

    Attributes:
      network: the segmentation network, or a classifier of whole images.
      steps: updates.
      per: `"image"`, the paper's; or `"pixel"`, a weight for each (ours).
      loss: any loss of labels that gives a value to each pixel.
      target_weight: of the target's own loss in the update; 0 in the paper, whose clean set is not trained on, and 1 is
        joint training.
      optimizer: of the network.

    Source: Ren, Zeng, Yang and Urtasun, "Learning to Reweight Examples for Robust Deep Learning", ICML 2018, Algorithm
    1 and Section 3.3.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    steps: int = dataclasses.field(metadata=STATIC)
    per: str = dataclasses.field(default="image", metadata=STATIC)
    loss: Loss = losses.SoftmaxCrossEntropy()
    target_weight: Scalar = 0.0
    optimizer: Optimizer = SGD()

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.per not in PER:
            raise InputError(f"per: {self.per!r} is not known; use 'image' or 'pixel'")
        if self.loss.takes != "labels":
            raise InputError(
                f"loss: {type(self.loss).__name__} takes {self.loss.takes}; use a loss of labels to reweight"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.steps),)

    def init(self, seed: Array, image: Array) -> State:
        return initial_state(self, seed, image)

    def begin(self, state: State, phase: int) -> State:
        return dataclasses.replace(state, opt_state=self.optimizer.transformation(0, 1).init(state.params))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        key = state.key(METHOD_STREAM)

        def source(theta: Any) -> tuple[Float[Array, "..."], Any]:
            values, valid, after = self._values(theta, state.batch_stats, batch, "source", key)
            return self._examples(values, valid), after

        values, pull, after = jax.vjp(source, state.params, has_aux=True)

        def target(theta: Any) -> tuple[Float[Array, ""], Any]:
            values, valid, last = self._values(theta, after, batch, "target", jax.random.fold_in(key, 1))
            return losses.mean(values, valid), last

        (lost, last), direction = jax.value_and_grad(target, has_aux=True)(state.params)
        _, agreement = jax.jvp(lambda theta: source(theta)[0], (state.params,), (direction,))
        weights = normalised(agreement)
        (gradient,) = pull(weights)
        scale = jnp.asarray(self.target_weight, jnp.float32)
        gradient = jax.tree.map(lambda s, t: s + scale.astype(t.dtype) * t, gradient, direction)
        params, opt_state = moved(
            self.optimizer, state.params, gradient, state.opt_state, state.step, self.steps, self.network.head
        )
        known = losses.valid_pixels(batch["source"]["label"], self.network.classes)
        terms = {"source": jnp.sum(weights * values), "target": lost}
        metrics = {
            "loss": terms["source"] + scale.astype(lost.dtype) * lost,
            "terms": terms,
            "gradient_norm": optax.global_norm(gradient),
            "learning_rate": self.optimizer.rate(state.step, self.steps),
            "used": losses.mean(weights > 0, known if self.per == "pixel" else None),
        }
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=last, opt_state=opt_state
        )
        return new, metrics

    def _examples(self, values: Float[Array, "..."], valid: Bool[Array, "..."]) -> Float[Array, "..."]:
        """f: of each image, or of each pixel (0 where it has no label)."""
        if self.per == "pixel":
            return values
        pixels = tuple(range(1, values.ndim))
        count = jnp.maximum(jnp.sum(valid, axis=pixels, dtype=jnp.int32), 1)
        return jnp.sum(values, axis=pixels) / count.astype(values.dtype)

    def _values(
        self, theta: Any, batch_stats: Any, batch: Batch, domain: str, key: Array
    ) -> tuple[Float[Array, "..."], Bool[Array, "..."], Any]:
        """The loss of each pixel of one domain, which have a label, and the statistics afterwards."""
        part: Mapping[str, Array] = batch[domain]
        outputs, after = forwarded(self.network, theta, batch_stats, {domain: part["image"]}, key)
        label = part["label"]
        values = self.loss(brought_to(self.network, outputs[domain].logits, label.shape), label, where=None)
        if not isinstance(values, jax.Array) or values.shape != label.shape:
            raise InputError(
                f"loss: {type(self.loss).__name__} gives no value to each pixel; use one that does, such as "
                "SoftmaxCrossEntropy"
            )
        return values, losses.valid_pixels(label, self.network.classes), after


def normalised(agreement: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """Weights of examples: what is above 0, over its sum; all 0 where nothing is.

    Args:
      agreement: [*B] how far a step on each example lowers the target's loss, up to a common factor.

    >>> normalised(jnp.array([3.0, -2.0, 1.0])).tolist(), normalised(jnp.array([-1.0, 0.0])).tolist()
    ([0.75, 0.0, 0.25], [0.0, 0.0])
    """
    kept = jnp.maximum(agreement, 0.0)
    total = jnp.sum(kept)
    return kept / jnp.where(total > 0.0, total, 1.0)
