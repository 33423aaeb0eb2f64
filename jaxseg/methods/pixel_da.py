"""Pixel-level adaptation: source images redrawn in the target's look, and trained on (PixelDA, Bousmalis et al. 2017).

G redraws a source image from it and noise z, D tells redrawn images from the target's, T is the segmentation network.
With x_f = G(x_s, z), y_s the labels that both have, and a(image, answer) what D's scores cost the player:

    D, T    domain (a(x_f, generated) + a(x_t, real))  +  L(T(x_f), y_s) + original L(T(x_s), y_s) + L_t
    G       adversarial a(x_f, real) + task L(T(x_f), y_s) + content L_c(x_s, x_f)                        Eq. 1 to 4

    L_c = 1/k sum_i d_i^2 - (1/k sum_i d_i)^2 over the k numbers d = x_f - x_s of an image, in -1..1

One step moves D and T first, at G, then G, at the new D and T, on the same batch and noise (ours; the released code
draws anew). In joint training the objective also has the target's labelled loss L_t; PixelDA itself has none.
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
from jaxseg.losses import AdversarialCrossEntropy, AdversarialLoss, Scalar, pytree
from jaxseg.methods._redrawn import content_distance, masked, shown_of, signed
from jaxseg.methods._several import SeveralNetworks, beside, fresh_moments
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import Summand
from jaxseg.methods.optimizer import SGD, STATIC, Adam, Optimizer, Stairs
from jaxseg.models import MapNetwork, Network, Output

TERMS = ("discriminator", "generator", "content", "task")
"""Names of the game's own terms, beside those of the objective and the same on redrawn images, `NAME_redrawn`."""
PLAYER: Optimizer = Adam(
    learning_rate=1e-4, b1=0.5, weight_decay=1e-5, schedule=Stairs(every=20_000, factor=0.95)
)


@pytree
@dataclasses.dataclass(frozen=True)
class PixelDAWeights:
    """Factors of the terms, all leaves; 1 each in the released code, where experiments choose theirs.

    Attributes:
      domain: of D's answers to redrawn and to target images.
      adversarial: of D's answer before G, the paper's alpha.
      task: of T's losses before G, its beta.
      content: of the distance of redrawn from source images, its gamma.
      original: of the objective's source terms on the source images as they are; on redrawn ones it is 1.
    """

    domain: Scalar = 1.0
    adversarial: Scalar = 1.0
    task: Scalar = 1.0
    content: Scalar = 1.0
    original: Scalar = 1.0


@pytree
@dataclasses.dataclass(frozen=True)
class PixelDA(SeveralNetworks):
    """Pixel-level domain adaptation of a segmentation network, with labels of the target where the objective has them.

    G and D have images of -1..1, 0 where augmentation padded, whatever T's normalisation is. Redrawn images go through
    the target's layers and statistics where T has some for each domain. T sees source, redrawn and target images in
    this order; its statistics are those after D and T's step, G's those after it too.

    Published are the losses, the order of the steps, and in the released code the layers, Adam with rate 1e-4 that
    falls by 0.95 every 20,000 steps, beta1 0.5 and weight decay 1e-5. That code also clips gradients to a norm of 5,
    which is not done here, and T there is a classifier. How Sun et al. 2019 made of it the row "PixelDA, joint", which
    MetaPix quotes, is not stated.

    Attributes:
      network: T.
      generator: G, `models.redrawer()`.
      discriminator: D, one score a patch: `models.redrawn_discriminator()`.
      objective: terms by name, as in `ObjectiveMethod`; those of the source are also taken on redrawn images.
      steps: updates of each.
      weights: factors of the terms.
      loss: of D's scores.
      noise: numbers of z, each uniform in -1..1 and drawn for an image; G joins them to every pixel as channels. The
        paper spreads z over the image by a linear layer, which ties G to one size.
      optimizer: of T.
      generator_optimizer: of G.
      discriminator_optimizer: of D.

    Source: Bousmalis, Silberman, Dohan, Erhan and Krishnan, "Unsupervised Pixel-Level Domain Adaptation with Generative
    Adversarial Networks", 2017, Section 3, and its released code.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    generator: MapNetwork = dataclasses.field(metadata=STATIC)
    discriminator: MapNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    weights: PixelDAWeights = PixelDAWeights()
    loss: AdversarialLoss = AdversarialCrossEntropy()
    noise: int = dataclasses.field(default=10, metadata=STATIC)
    optimizer: Optimizer = SGD()
    generator_optimizer: Optimizer = PLAYER
    discriminator_optimizer: Optimizer = PLAYER

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        for name, term in self.objective.items():
            term.validate(f"objective.{name}", self.domains)
            if name in TERMS or f"{name}_redrawn" in self.objective:
                raise InputError(
                    f"objective.{name}: {name} or {name}_redrawn is a term of the game; choose another name"
                )
        if not any(term.domain == "source" for term in self.objective.values()):
            raise InputError("objective: it has no term of the source, which is what redrawn images are for")
        if self.noise < 0 or self.generator.channels != 3 + self.noise:
            raise InputError(
                f"generator.channels: {self.generator.channels} and an image with noise has 3 + {self.noise}; make "
                "them equal"
            )
        for name, network, wanted in (
            ("generator", self.generator, 3),
            ("discriminator", self.discriminator, 1),
        ):
            if network.classes != wanted:
                raise InputError(f"{name}.classes: {network.classes}; it gives {wanted} a pixel or patch")
        if self.discriminator.channels != 3:
            raise InputError(
                f"discriminator.channels: {self.discriminator.channels}; it watches images, make it one of 3"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (Phase("train", self.steps),)

    def init(self, seed: Array, image: Array) -> State:
        self.discriminator.validate(image.shape[1], image.shape[2])
        key = jax.random.key(seed)
        maps = jnp.zeros((*image.shape[:-1], 3 + self.noise))
        drawn = {
            "generator": self.generator.init(jax.random.fold_in(key, 0), maps),
            "discriminator": self.discriminator.init(jax.random.fold_in(key, 1), image),
        }
        return beside(initial_state(self, seed, image), drawn)

    @property
    def _optimizers(self) -> dict[str, Optimizer]:
        return {
            "network": self.optimizer,
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }

    def begin(self, state: State, phase: int) -> State:
        return dataclasses.replace(state, opt_state=fresh_moments(state, self._optimizers))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        key = state.key(METHOD_STREAM)
        if batch["source"]["label"].ndim != 3:
            raise InputError(
                "data: its labels are classes of whole images; this PixelDA is one of segmentation, use DANN"
            )
        params, batch_stats, opt_state = dict(state.params), dict(state.batch_stats), dict(state.opt_state)
        metrics: dict[str, Any] = {}

        def move(player: str, gradient: Any, head: tuple[str, ...] = ()) -> None:
            chosen = self._optimizers[player]
            params[player], opt_state[player] = moved(
                chosen, params[player], gradient, opt_state[player], state.step, self.steps, head
            )
            prefix = "" if player == "network" else f"{player}_"
            metrics[f"{prefix}gradient_norm"] = optax.global_norm(gradient)
            metrics[f"{prefix}learning_rate"] = chosen.rate(state.step, self.steps)

        source, shown = batch["source"], {domain: shown_of(batch[domain]) for domain in self.domains}
        redrawn, of_generator, batch_stats["generator"] = jax.vjp(
            lambda weights: self._redrawn(weights, state, source, key), params["generator"], has_aux=True
        )
        judge = jax.grad(self._judged, has_aux=True)
        against, (found, right, batch_stats["discriminator"]) = judge(
            params["discriminator"], state, shown, redrawn, key
        )
        learn = jax.value_and_grad(self._learned, has_aux=True)
        (value, (terms, batch_stats["network"])), gradient = learn(
            params["network"], state, batch, redrawn, key
        )
        move("discriminator", against)
        move("network", gradient, self.network.head)
        deceive = jax.grad(self._deceived, has_aux=True)
        pull, of_game = deceive(redrawn, params, state, source, shown["source"], key)
        (gradient,) = of_generator(pull)
        move("generator", gradient)
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        terms = {**terms, "discriminator": found, **of_game}
        return new, {"loss": value, "terms": terms, "discriminator_accuracy": right, **metrics}

    def pictures(self, state: State, image: Float[Array, "B H W 3"], domain: str) -> dict[str, Array]:
        """What G makes of images without noise, see `jaxseg.methods.Draws`."""
        noise = jnp.zeros((*image.shape[:-1], self.noise))
        variables = {
            "params": state.params["generator"],
            "batch_stats": state.batch_stats["generator"],
        }
        maps = jnp.concatenate([signed(image), noise], axis=-1)
        output, _ = self.generator.apply(variables, maps, train=False)
        return {"redrawn": (jnp.tanh(output.logits) + 1.0) / 2.0}

    def _redrawn(
        self, params: Any, state: State, part: Mapping[str, Array], key: Array
    ) -> tuple[Float[Array, "B H W 3"], Any]:
        """G's images, -1..1, 0 where augmentation padded, and its statistics."""
        draw = jax.random.fold_in(key, 3)
        batch, height, width, _ = part["image"].shape
        noise = jax.random.uniform(draw, (batch, 1, 1, self.noise), minval=-1.0, maxval=1.0)
        spread = jnp.broadcast_to(noise, (batch, height, width, self.noise))
        output, after = self.generator.apply(
            {"params": params, "batch_stats": state.batch_stats["generator"]},
            jnp.concatenate([shown_of(part), spread], axis=-1),
            train=True,
            rngs={"dropout": jax.random.fold_in(key, 4)},
        )
        return masked(jnp.tanh(output.logits), part), after

    def _judged(
        self, params: Any, state: State, shown: Mapping[str, Array], redrawn: Array, key: Array
    ) -> tuple[Float[Array, ""], tuple[Array, Array, Any]]:
        """D's loss; what its answers cost, the share of right ones, its statistics."""
        total, right, after = jnp.zeros(()), jnp.zeros(()), state.batch_stats["discriminator"]
        for image, real in ((redrawn, False), (shown["target"], True)):
            scores, after = self._scores(params, after, image, key, real)
            values = self.loss.discriminator(scores, real)
            total += losses.mean(values)
            right += losses.mean(values < self.loss.discriminator(scores, not real)) / 2
        return jnp.asarray(self.weights.domain) * total, (total, right, after)

    def _learned(
        self, params: Any, state: State, batch: Batch, redrawn: Array, key: Array
    ) -> tuple[Float[Array, ""], tuple[dict[str, Array], Any]]:
        """T's loss; its terms, its statistics."""
        variables = {"params": params, "batch_stats": state.batch_stats["network"]}
        images = {"source": batch["source"]["image"]}
        outputs, variables["batch_stats"] = forwarded(self.network, **variables, images=images, key=key)
        made, variables["batch_stats"] = self._segmented(variables, redrawn, key)
        images = {"target": batch["target"]["image"]}
        own = jax.random.fold_in(key, 1)
        seen, after = forwarded(self.network, **variables, images=images, key=own)
        outputs |= seen
        terms: dict[str, Array] = {}
        total = jnp.zeros(())
        for name, term in self.objective.items():
            terms[name] = term(self.network, outputs[term.domain], batch[term.domain])
            total += term.weight * terms[name] * (self.weights.original if term.domain == "source" else 1.0)
        of_redrawn = self._of_redrawn(made, batch["source"])
        terms |= {f"{name}_redrawn": value for name, value in of_redrawn.items()}
        return total + self._summed(of_redrawn), (terms, after)

    def _deceived(
        self,
        redrawn: Array,
        params: Mapping[str, Any],
        state: State,
        part: Mapping[str, Array],
        shown: Array,
        key: Array,
    ) -> tuple[Float[Array, ""], dict[str, Array]]:
        """G's loss of its images; its terms."""
        scores, _ = self._scores(
            params["discriminator"], state.batch_stats["discriminator"], redrawn, key, False
        )
        variables = {"params": params["network"], "batch_stats": state.batch_stats["network"]}
        made, _ = self._segmented(variables, redrawn, key)
        terms = {
            "generator": losses.mean(self.loss.generator(scores)),
            "content": content_distance(redrawn - shown, part["valid"]),
            "task": self._summed(self._of_redrawn(made, part)),
        }
        factors = (self.weights.adversarial, self.weights.content, self.weights.task)
        total = jnp.zeros(())
        for factor, value in zip(factors, terms.values(), strict=True):
            total += factor * value
        return total, terms

    def _of_redrawn(self, made: Output, part: Mapping[str, Array]) -> dict[str, Array]:
        terms = {name: term for name, term in self.objective.items() if term.domain == "source"}
        return {name: term(self.network, made, part) for name, term in terms.items()}

    def _summed(self, values: Mapping[str, Array]) -> Float[Array, ""]:
        total = jnp.zeros(())
        for name, value in values.items():
            total += self.objective[name].weight * value
        return total

    def _segmented(self, variables: Mapping[str, Any], redrawn: Array, key: Array) -> tuple[Output, Any]:
        """T's output on redrawn images, and its statistics after it."""
        image = self.network.normalization((redrawn + 1.0) * 127.5)
        rngs = {"dropout": jax.random.fold_in(key, 2)}
        return self.network.apply(variables, image, train=True, rngs=rngs, domain="target")

    def _scores(
        self, params: Any, batch_stats: Any, image: Array, key: Array, real: bool
    ) -> tuple[Float[Array, "B h w"], Any]:
        """D's scores of images, and its statistics after them; all passes over an image draw the same."""
        output, after = self.discriminator.apply(
            {"params": params, "batch_stats": batch_stats},
            image,
            train=True,
            rngs={"dropout": jax.random.fold_in(key, 5 + real)},
        )
        return output.logits[..., 0], after
