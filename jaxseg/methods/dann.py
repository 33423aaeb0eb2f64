"""Domain-adversarial training of classifiers of whole images (Ganin and Lempitsky 2015), by gradient reversal.

    L = sum over terms of weight * loss  +  weight * L_d,    L_d = (mean d(G(r(f^S)), S) + mean d(G(r(f^T)), T)) / 2

f are the network's `Output.features` [B, D]: of `models.digits_classifier` the means over the pixels of its last
convolution, of `models.resnet_classifier` what follows the bottleneck, both just before the linear classifier of the
labels. G is the domain classifier, d binary cross entropy, and r the identity whose gradient is reversed:

    r(f) = f,    dr/df = -lambda I,    lambda = peak * (2 / (1 + exp(-gamma * p)) - 1),    p = step / steps

So one update with one optimiser trains G to tell the domains apart and the features to make it fail.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods._several import SeveralNetworks, beside
from jaxseg.methods._steps import check_forward, forwarded, moved
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import ObjectiveMethod, Summand
from jaxseg.methods.optimizer import SGD, STATIC, Inverse, Optimizer
from jaxseg.models import MapNetwork, Network, Output

DOMAIN = "domain"
"""Name of L_d among the terms of the metrics."""


@jax.custom_jvp
def reverse_gradient(x: Float[Array, "*S"], strength: Scalar = 1.0) -> Float[Array, "*S"]:
    """The identity, through which derivatives pass with the factor `-strength`.

    Args:
      x: [*S] any array of floats.
      strength: lambda, one number; no derivative reaches it.

    Returns:
      `x`.

    Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", 2015, Section 3.

    >>> jax.grad(lambda x: jnp.sum(3.0 * reverse_gradient(x, 0.5)))(jnp.zeros(2))
    Array([-1.5, -1.5], dtype=float32)
    """
    return x


@reverse_gradient.defjvp
def _reverse_gradient_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    x, strength = primals
    return reverse_gradient(x, strength), -jnp.asarray(strength, x.dtype) * tangents[0]


@pytree
@dataclasses.dataclass(frozen=True)
class DANN(SeveralNetworks):
    """Domain-adversarial training on a labelled source and an unlabelled target.

    The paper's setting is the defaults; over a pretrained trunk, which learns ten times slower, `learning_rate=0.001`
    with `Groups(head=10.0)`. The domain classifier learns at the rate of the network's head, as the layers that are
    new do in the paper. The paper names no weight decay.

    The Transfer Learning Library's form is `gamma=steps / 1000`, `SGD(weight_decay=1e-3,
    schedule=Inverse(rise=steps / 1000))` and normalised layers instead of dropout in the domain classifier.

    Attributes:
      network: a classifier of whole images whose output has `features` [B, D].
      domain_classifier: of those features: `models.domain_classifier(D)`.
      objective: terms by name, on either domain, as in `ObjectiveMethod`; DANN has the source's cross entropy.
      steps: updates.
      weight: of L_d, for the domain classifier and, times lambda, for the features.
      gamma: how soon lambda rises, 10 in the paper.
      peak: what lambda rises to, 1 in the paper.
      optimizer: of the network and of the domain classifier.
      forward: `"concatenated"`, both domains as one batch as in the paper, or `"separate"`, source and then target.

    Source: Ganin and Lempitsky 2015, Section 4.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    domain_classifier: MapNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    weight: Scalar = 1.0
    gamma: Scalar = 10.0
    peak: Scalar = 1.0
    optimizer: Optimizer = SGD(learning_rate=0.01, weight_decay=0.0, schedule=Inverse())
    forward: str = dataclasses.field(default="concatenated", metadata=STATIC)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        ObjectiveMethod(self.network, self.objective, self.steps).validate()
        check_forward(self.network, self.forward)
        if DOMAIN in self.objective:
            raise InputError(f"objective.{DOMAIN}: the name of the domain classifier's loss; choose another")

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.steps),)

    def terms(self, phase: int) -> dict[str, str]:
        """The domain classifier's as it comes to the network: reversed, times lambda."""
        return super().terms(phase) | {DOMAIN: "weight"}

    def strength(self, step: Scalar) -> Float[Array, ""]:
        """Lambda at `step` (0-based): 2 / (1 + exp(-x)) - 1 is tanh(x / 2), and loses no digits near 0."""
        progress = jnp.asarray(step, jnp.float32) / self.steps
        return jnp.asarray(self.peak, jnp.float32) * jnp.tanh(self.gamma * progress / 2)

    def init(self, seed: Array, image: Array) -> State:
        state = initial_state(self, seed, image)
        features = jnp.zeros((1, 1, 1, self.domain_classifier.channels))
        drawn = self.domain_classifier.init(jax.random.fold_in(jax.random.key(seed), 0), features)
        return beside(state, {"domain_classifier": drawn})

    def begin(self, state: State, phase: int) -> State:
        transformation = self.optimizer.transformation(0, 1)
        fresh = {name: transformation.init(params) for name, params in state.params.items()}
        return dataclasses.replace(state, opt_state=fresh)

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        key = state.key(METHOD_STREAM)
        strength = self.strength(state.step)
        images = {domain: batch[domain]["image"] for domain in self.domains}
        source = jnp.arange(sum(len(image) for image in images.values())) < len(images["source"])
        valid = jnp.concatenate([batch[domain]["valid"] for domain in self.domains])

        def loss(params: Any) -> tuple[Float[Array, ""], tuple[dict[str, Array], Array, Any]]:
            outputs, network = forwarded(
                self.network,
                params["network"],
                state.batch_stats["network"],
                images,
                key,
                concatenated=self.forward == "concatenated",
            )
            terms = {
                name: term(self.network, outputs[term.domain], batch[term.domain])
                for name, term in self.objective.items()
            }
            features = jnp.concatenate([self._features(outputs[domain]) for domain in self.domains])
            judged, domain_classifier = self.domain_classifier.apply(
                {
                    "params": params["domain_classifier"],
                    "batch_stats": state.batch_stats["domain_classifier"],
                },
                reverse_gradient(features, strength)[:, None, None, :],
                train=True,
                rngs={"dropout": jax.random.fold_in(key, len(self.domains))},
            )
            scores = judged.logits[:, 0, 0, 0]
            values = losses.adversarial_cross_entropy(scores, source)
            halves = losses.mean(values, valid & source) + losses.mean(values, valid & ~source)
            terms[DOMAIN] = halves / 2
            right = losses.mean((scores > 0) == source, valid)
            total = jnp.zeros(())
            total += self.weight * terms[DOMAIN]
            for name, term in self.objective.items():
                total += term.weight * terms[name]
            after = {"network": network, "domain_classifier": domain_classifier}
            return total, (terms, right, after)

        (value, (terms, right, batch_stats)), gradient = jax.value_and_grad(loss, has_aux=True)(state.params)
        heads = {"network": self.network.head, "domain_classifier": (*state.params["domain_classifier"],)}
        params, opt_state = {}, {}
        for name, head in heads.items():
            params[name], opt_state[name] = moved(
                self.optimizer,
                state.params[name],
                gradient[name],
                state.opt_state[name],
                state.step,
                self.steps,
                head,
            )
        metrics = {
            "loss": value,
            "terms": terms,
            "gradient_norm": optax.global_norm(gradient["network"]),
            "learning_rate": self.optimizer.rate(state.step, self.steps),
            "domain_accuracy": right,
            "reversal": strength,
        }
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return new, metrics

    def _features(self, output: Output) -> Float[Array, "B D"]:
        """The features of whole images, refused where they are none."""
        features = output.features
        if features is None:
            raise InputError("network: its output has no features; use a classifier that gives them")
        if features.ndim != 2:
            raise InputError(
                f"network: its features are maps of {features.ndim} axes and DANN takes one vector an image; use a "
                "classifier of whole images, or AdversarialMethod"
            )
        if features.shape[-1] != self.domain_classifier.channels:
            raise InputError(
                f"domain_classifier.channels: {self.domain_classifier.channels} and the network's features are "
                f"{features.shape[-1]}; make them equal"
            )
        return features
