"""MetaPix: how much each source pixel counts, learned by what it does to the target (Jian and Gao 2021).

Source and target are labelled. A weighting network phi sees a source image beside its label and gives every pixel a
weight W. The segmentation network theta learns, in Algorithm 1:

    joint      N1 steps on L_s + L_t, unweighted; then G generations of
    meta       N2 steps on phi: what L_t is after a virtual step of theta on the weighted source      Algorithm 2
    weighted   N3 steps on theta: W * L_s + L_t, phi held                                             Algorithm 3

    L_s(phi) = 1/HW sum_n W_n(phi) l_n(theta)                                                         Eq. 1
    theta+ = theta - alpha dL_s/dtheta                                                                Eq. 2, 3
    phi <- Adam(phi, dL_t(theta+)/dphi)                                                               Eq. 4, 5

alpha is the learning rate that theta has at that time, and the virtual step is plain gradient descent.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Loss, Scalar, pytree
from jaxseg.methods._meta import through_the_identity, through_the_step
from jaxseg.methods._several import SeveralNetworks, beside, fresh_moments, stepped
from jaxseg.methods._steps import forwarded
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import brought_to
from jaxseg.methods.optimizer import STATIC, Adam, Constant, Optimizer
from jaxseg.models import Network
from jaxseg.models.unet import WeightNetwork

HYPERGRADIENTS = {"grad": through_the_step, "jvp": through_the_identity}
DENOMINATORS = ("all", "valid", "weights")
WEIGHTING = "weighting"
"""Under this name parameters, statistics and optimiser state hold the weighting network's; the other is `network`."""


@pytree
@dataclasses.dataclass(frozen=True)
class MetaPix(SeveralNetworks):
    """Joint training on two labelled domains, with learned weights of the source's pixels.

    The unweighted losses are means over the pixels that have a label, on either domain. The forward passes of the meta
    step normalise by their own batch's statistics where the network does so in training, and leave the stored ones as
    they are, as they leave theta; joint and weighted steps update them, source first. Dropout draws the same masks for
    the source wherever a meta step forwards it.

    Published: `models.fcn8s(19, variant="metapix", split=1)`, Adam 1e-4 with power 0.9, N1, N2, N3, G = 150,000,
    10,000, 15,000, 3, one image a domain. The released scripts differ: `weighted_optimizer=Adam(5e-5, ...)`, all
    optimisers with weight decay 1e-4 and those of theta with `Groups(bias=2.0)`, `reset=True`, and as `virtual_network`
    the same FCN-8s with `rectified=True`.

    Attributes:
      network: the segmentation network, `split` at a block or not; only its main head learns.
      weighting: the weighting network, `models.unet_weights(classes)`: one weight a pixel (W^1) or one a class (W^19).
      joint_steps: N1; 0 where training begins from a joint run's variables.
      meta_steps: N2.
      weighted_steps: N3.
      generations: G.
      loss: l, any loss of labels that gives a value to each pixel.
      optimizer: of theta. Its schedule counts the N1 + G N3 steps that theta takes (the paper does not say what it
        counts).
      weighting_optimizer: of phi; its schedule counts G N2 steps, or N2 where each generation begins anew.
      weighted_optimizer: None, and `optimizer` goes on; or an optimiser of the weighted phases, each of which then
        begins afresh with a schedule over its own N3 steps, as `optimizer` counts N1 alone: the released scripts.
      inner_rate: alpha; None for the rate of `optimizer` at that time, its first one where phases begin afresh.
      hypergradient: `"grad"`, reverse mode through the virtual step; or `"jvp"`, the same from first derivatives in
        less memory. They agree up to rounding.
      over: what Eq. 1 divides by: `"all"` pixels as there, only those with a label, `"valid"` (ours), or the sum of the
        batch's `"weights"`, as Ren et al. divide theirs (ours for pixels). Then only their ratios count, and the source
        neither fades nor grows as a whole.
      reset: draw phi anew in every generation, as the released scripts do; otherwise it goes on (the paper does not
        say), and so does its optimiser.
      virtual_network: through which the virtual parameters see the target, of the same parameters; None for `network`.
      class_weights: also report the mean weight of the pixels of each class, and their share.

    Source: Jian and Gao, "MetaPix: Domain transfer for semantic segmentation by meta pixel weighting", Image and Vision
    Computing 2021, Algorithms 1 to 3.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    weighting: WeightNetwork = dataclasses.field(metadata=STATIC)
    joint_steps: int = dataclasses.field(metadata=STATIC)
    meta_steps: int = dataclasses.field(metadata=STATIC)
    weighted_steps: int = dataclasses.field(metadata=STATIC)
    generations: int = dataclasses.field(default=3, metadata=STATIC)
    loss: Loss = losses.SoftmaxCrossEntropy()
    optimizer: Optimizer = Adam(learning_rate=1e-4)
    weighting_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())
    weighted_optimizer: Optimizer | None = None
    inner_rate: Any = None  # a Scalar, or None; the command line reads what a config sets
    hypergradient: str = dataclasses.field(default="grad", metadata=STATIC)
    over: str = dataclasses.field(default="all", metadata=STATIC)
    reset: bool = dataclasses.field(default=False, metadata=STATIC)
    virtual_network: Network | None = dataclasses.field(default=None, metadata=STATIC)
    class_weights: bool = dataclasses.field(default=False, metadata=STATIC)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.hypergradient not in HYPERGRADIENTS:
            raise InputError(f"hypergradient: {self.hypergradient!r} is not known; use 'grad' or 'jvp'")
        if self.inner_rate is not None and not 0.0 <= float(self.inner_rate) < math.inf:
            raise InputError(f"inner_rate: {float(self.inner_rate):g}; at least 0 and finite, or None")
        if self.over not in DENOMINATORS:
            raise InputError(f"over: {self.over!r} is not known; use 'all', 'valid' or 'weights'")
        if self.weighting.classes != self.network.classes:
            raise InputError(
                f"weighting.classes: {self.weighting.classes} and the network scores {self.network.classes}; "
                "make them equal"
            )
        if self.loss.takes != "labels":
            raise InputError(
                f"loss: {type(self.loss).__name__} takes {self.loss.takes}; MetaPix needs a loss of labels"
            )
        for name, least in (("joint_steps", 0), ("meta_steps", 1), ("weighted_steps", 1), ("generations", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: {getattr(self, name)}; it is at least {least}")

    @property
    def phases(self) -> tuple[Phase, ...]:
        phases = [Phase("joint", self.joint_steps)]
        for generation in range(1, self.generations + 1):
            phases += [Phase(f"meta{generation}", self.meta_steps)]
            phases += [Phase(f"weighted{generation}", self.weighted_steps)]
        return tuple(phases)

    def program(self, phase: int) -> int:
        return phase if phase < 3 else 2 - phase % 2

    def init(self, seed: Array, image: Array) -> State:
        state = initial_state(self, seed, image)
        return beside(state, {WEIGHTING: self._drawn(state, 0)})

    def _drawn(self, state: State, phase: int) -> dict[str, Any]:
        """Fresh variables of the weighting network."""
        side = self.weighting.minimum_size
        key = jax.random.fold_in(jax.random.key(state.seed), phase)
        return self.weighting.init(key, jnp.zeros((1, side, side, self.weighting.channels)))

    def begin(self, state: State, phase: int) -> State:
        meta = phase % 2 == 1
        if meta and self.reset:
            drawn = self._drawn(state, phase)
            state = dataclasses.replace(
                state,
                params={**state.params, WEIGHTING: drawn["params"]},
                batch_stats={**state.batch_stats, WEIGHTING: drawn["batch_stats"]},
            )
        optimizers = {"network": self._schedule(phase, 0)[0], WEIGHTING: self.weighting_optimizer}
        fresh = fresh_moments(state, optimizers)
        if state.opt_state is None:
            return dataclasses.replace(state, opt_state=fresh)
        anew = {"network": self.weighted_optimizer is not None and not meta, WEIGHTING: meta and self.reset}
        kept = {name: fresh[name] if anew[name] else state.opt_state[name] for name in fresh}
        return dataclasses.replace(state, opt_state=kept)

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        return (self._weigh if phase % 2 else self._learn)(state, batch, phase)

    def _weigh(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        """Algorithm 2: one step on phi."""
        key, source = state.key(METHOD_STREAM), batch["source"]
        theta, phi = state.params["network"], state.params[WEIGHTING]
        alpha = self._inner_rate(phase, state.step)
        seen = self.virtual_network or self.network

        def target(theta: Any) -> Float[Array, ""]:
            return losses.mean(*self._values(seen, theta, state, batch, "target", jax.random.fold_in(key, 1)))

        def factors(phi: Any) -> tuple[Float[Array, "B H W"], Any]:
            weights, after = self.weights(phi, state.batch_stats[WEIGHTING], source, key, train=True)
            return self._factors(weights, source["label"], self.over), (weights, after)

        value, (_, (weights, after)), gradient = HYPERGRADIENTS[self.hypergradient](
            factors,
            lambda theta: self._values(self.network, theta, state, batch, "source", key)[0],
            target,
            phi,
            theta,
            alpha,
        )
        steps = self.meta_steps * (1 if self.reset else self.generations)
        generation, position = self._place(phase, state.step)
        position += 0 if self.reset else generation * self.meta_steps
        new, of_step = stepped(
            state, WEIGHTING, gradient, after, self.weighting_optimizer, position, steps, self.weighting.head
        )
        told = {"inner_rate": alpha, **self._told(weights, source["label"])}
        return new, {"loss": value, "terms": {"meta": value}, **of_step, **told}

    def _learn(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        """Algorithm 3, and, in the first phase, the same without weights: one step on theta."""
        key, source = state.key(METHOD_STREAM), batch["source"]
        told: Metrics = {}
        if phase == 0:
            factors = self._factors(jnp.ones(()), source["label"], "valid")
        else:
            stats = state.batch_stats[WEIGHTING]
            weights, _ = self.weights(state.params[WEIGHTING], stats, source, key, train=False)
            factors = self._factors(weights, source["label"], self.over)
            told = self._told(weights, source["label"])

        def loss(theta: Any) -> tuple[Float[Array, ""], tuple[Any, dict[str, Array]]]:
            images = {domain: batch[domain]["image"] for domain in self.domains}
            outputs, after = forwarded(self.network, theta, state.batch_stats["network"], images, key)
            values = {domain: self._lost(outputs[domain].logits, batch[domain]) for domain in self.domains}
            terms = {
                "source": jnp.sum(factors * values["source"][0]),
                "target": losses.mean(*values["target"]),
            }
            return terms["source"] + terms["target"], (after, terms)

        (value, (after, terms)), gradient = jax.value_and_grad(loss, has_aux=True)(state.params["network"])
        optimizer, position, steps = self._schedule(phase, state.step)
        new, of_step = stepped(
            state, "network", gradient, after, optimizer, position, steps, self.network.head
        )
        return new, {"loss": value, "terms": terms, **of_step, **told}

    def weights(
        self, phi: Any, batch_stats: Any, part: Mapping[str, Array], key: Array, *, train: bool
    ) -> tuple[Float[Array, "B H W"], Any]:
        """The weight of each pixel of one domain's batch, and the weighting network's statistics after it.

        Args:
          phi: its parameters.
          batch_stats: its statistics.
          part: `"image"` [B, H, W, 3] in 0..255 and `"label"` [B, H, W].
          key: of its dropout.
          train: whether it normalises and drops as in training.

        Raises:
          InputError: labels are the classes of whole images.
        """
        if part["label"].ndim != 3:
            raise InputError(
                "data: its labels are classes of whole images, and MetaPix weighs pixels; use Reweight(per='image')"
            )
        maps = self.weighting.inputs(self.weighting.normalization(part["image"]), part["label"])
        output, after = self.weighting.apply(
            {"params": phi, "batch_stats": batch_stats},
            maps,
            train=train,
            rngs={"dropout": jax.random.fold_in(key, 2)},
        )
        return self.weighting.pixel_weights(output, part["label"]), after

    def _values(
        self, network: Network, theta: Any, state: State, batch: Batch, domain: str, key: Array
    ) -> tuple[Float[Array, "B H W"], Bool[Array, "B H W"]]:
        """The loss of each pixel of one domain, and which have a label."""
        stats, images = state.batch_stats["network"], {domain: batch[domain]["image"]}
        outputs, _ = forwarded(network, theta, stats, images, key)
        return self._lost(outputs[domain].logits, batch[domain])

    def _lost(
        self, logits: Array, part: Mapping[str, Array]
    ) -> tuple[Float[Array, "B H W"], Bool[Array, "B H W"]]:
        label = part["label"]
        values = self.loss(brought_to(self.network, logits, label.shape), label, where=None)
        if not isinstance(values, jax.Array) or values.shape != label.shape:
            raise InputError(
                f"loss: {type(self.loss).__name__} gives no value to each pixel; use one that does, such as "
                "SoftmaxCrossEntropy"
            )
        return values, losses.valid_pixels(label, self.network.classes)

    def _factors(self, weights: Float[Array, "..."], label: Array, over: str) -> Float[Array, "B H W"]:
        """What the loss of each pixel is multiplied with: its weight over what Eq. 1 divides by."""
        if over == "all":
            return jnp.broadcast_to(weights, label.shape) / label.size
        valid = losses.valid_pixels(label, self.network.classes)
        counted = jnp.where(valid, weights, 0.0)
        if over == "valid":
            return counted / jnp.maximum(jnp.sum(valid, dtype=jnp.int32), 1).astype(counted.dtype)
        # Only ratios count, so weights so small that their squares vanish are made larger first.
        largest = jax.lax.stop_gradient(jnp.max(counted))
        counted = counted / jnp.where(largest > 0, largest, 1.0)
        whole = jnp.sum(counted)
        return counted / jnp.where(whole > 0, whole, 1.0)

    def _told(self, weights: Float[Array, "B H W"], label: Array) -> Metrics:
        """The mean weight of the source's labelled pixels, and of those of each class if asked for."""
        valid = losses.valid_pixels(label, self.network.classes)
        told: dict[str, Any] = {"weight": losses.mean(weights, valid)}
        if self.class_weights:
            of = {str(number): label == number for number in range(self.network.classes)}
            told["class_weights"] = {name: losses.mean(weights, pixels) for name, pixels in of.items()}
            told["class_shares"] = {name: losses.mean(pixels, valid) for name, pixels in of.items()}
        return told

    def _place(self, phase: int, step: Any) -> tuple[Any, Any]:
        """The generation, from 0, and the step within the phase: by the step, as all generations share two programs."""
        if phase == 0:
            return 0, step
        since, length = step - self.joint_steps, self.meta_steps + self.weighted_steps
        return since // length, since % length - (0 if phase % 2 else self.meta_steps)

    def _schedule(self, phase: int, step: Scalar) -> tuple[Optimizer, Any, int]:
        """The optimiser of theta in a phase, the position in its schedule, and the steps that this counts."""
        generation, local = self._place(phase, step)
        if self.weighted_optimizer is None:
            total = self.joint_steps + self.generations * self.weighted_steps
            behind = 0 if phase == 0 else self.joint_steps + generation * self.weighted_steps
            return self.optimizer, behind + (0 if phase % 2 else local), total
        if phase == 0:
            return self.optimizer, local, self.joint_steps
        return self.weighted_optimizer, 0 if phase % 2 else local, self.weighted_steps

    def _inner_rate(self, phase: int, step: Scalar) -> Float[Array, ""]:
        """Alpha."""
        if self.inner_rate is not None:
            return jnp.asarray(self.inner_rate, jnp.float32)
        if self.weighted_optimizer is not None:
            return self.optimizer.rate(0, max(self.joint_steps, 1))
        _, position, steps = self._schedule(phase, step)
        return self.optimizer.rate(position, steps)
