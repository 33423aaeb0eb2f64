"""Weights of source pixels by their similarity to the target: W^1 of hierarchical region selection (Sun et al. 2019).

A weighting network phi gives every source pixel a weight W from the segmentation's prediction there. It learns that the
weighted source looks like the target, while the segmentation network theta learns from the weighted source:

    phi     1/N sum_n |W_n(phi) m_n^S - m_n^T|^2          m the predictions, or the images, of the two domains
    theta   1/N sum_n W_n l_n  over the source  +  the target's loss

so a pixel whose prediction is that of the target image at the same place counts fully, and one at odds with it not at
all. Both networks move in every step, W being that before it.

This follows the paper's abstract, the ablations of its supplement and what MetaPix says of it: weights of pixels, the
L2 norm, predictions rather than images (the supplement has them ahead), one or C weights a pixel, all learned together,
a reconstruction and an adversarial loss of a generator and a discriminator on the encoder's output. Not stated there,
and ours: the weighting network's layers (MetaPix calls its own U-Net similar), which images are paired, that W is held
in the segmentation's loss and the predictions in the other, rates and weights. Weights of regions and of images, which
the whole method also has, are not here; no row of MetaPix's tables is named with them.
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
from jaxseg.methods._game import GameWeights
from jaxseg.methods._several import SeveralNetworks
from jaxseg.methods._steps import moved
from jaxseg.methods._weighted import check_weighted, with_weights
from jaxseg.methods.conservative_gan import ConservativeGAN
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, brought_to
from jaxseg.methods.optimizer import SGD, STATIC, Adam, Constant, Optimizer
from jaxseg.models import GeneratorNetwork, MapNetwork, Network
from jaxseg.models.unet import WeightNetwork

COMPARED = ("predictions", "images")
WEIGHTING = "weighting"
"""Under this name parameters, statistics and optimiser state hold the weighting network's."""
SIMILARITY = "similarity"
"""Name of the weighting network's loss among the terms."""


@pytree
@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """L_rec + L_adv: the generator and discriminator of `HRSelect`.

    MetaPix says that they are on the output of the segmentation network's encoder. Two of the paper's authors are also
    those of the Conservative loss, so it is that paper's game here, by `ConservativeGAN` (ours): the generator draws
    the image again from the features, the discriminator tells drawn images from real ones of either domain, and the
    segmentation network is to make them look like the other domain's.

    Attributes:
      generator: made for the maps of the embedding, `models.generator`.
      discriminator: of images, two scores a patch.
      weights: of the game's terms (ours: 1 each).
      loss: of the scores.
      noise: standard deviation of what is added to the generator's input (ours: none).
      embedding: what the generator takes, the network's `"features"` or its `"logits"`.
      generator_optimizer: of the generator.
      discriminator_optimizer: of the discriminator.
    """

    generator: GeneratorNetwork = dataclasses.field(metadata=STATIC)
    discriminator: MapNetwork = dataclasses.field(metadata=STATIC)
    weights: GameWeights = GameWeights()
    loss: AdversarialLoss = AdversarialCrossEntropy()
    noise: Scalar = 0.0
    embedding: str = dataclasses.field(default="features", metadata=STATIC)
    generator_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())
    discriminator_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())


@pytree
@dataclasses.dataclass(frozen=True)
class HRSelect(SeveralNetworks):
    """Joint training on two labelled domains, source pixels weighted by how similar they are to the target's.

    Predictions are those of evaluation, without dropout and by the running statistics, before the step. The n-th image
    of the source's batch is compared with the n-th of the target's, at the pixels that augmentation padded in neither.

    Attributes:
      network: the segmentation network.
      weighting: the weighting network, `models.unet_weights(classes, channels=classes)`, or `channels=3` for images:
        one weight a pixel (W^1), or with `per="class"` one a class and pixel (W^19).
      objective: terms by name, as in `ObjectiveMethod`; those that are `Weighted` see W on the source.
      steps: updates of either network.
      compared: what W is made of and what is compared, `"predictions"` or `"images"` (in 0..1).
      optimizer: of the segmentation network.
      weighting_optimizer: of the weighting network.
      reconstruction: generator and discriminator of L_rec and L_adv, or None.

    Source: Sun, Zhu, Wu, Huang, Shi and Ma, "Not All Areas Are Equal: Transfer Learning for Semantic Segmentation via
    Hierarchical Region Selection", 2019, abstract and supplement; Jian and Gao 2021, Sections 1 and 4.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    weighting: WeightNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    compared: str = dataclasses.field(default="predictions", metadata=STATIC)
    optimizer: Optimizer = SGD()
    weighting_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())
    reconstruction: Reconstruction | None = None

    @property
    def _inner(self) -> ObjectiveMethod | ConservativeGAN:
        """What moves the segmentation network, and those of the reconstruction."""
        if self.reconstruction is None:
            return ObjectiveMethod(self.network, self.objective, self.steps, self.optimizer)
        fields = {
            field.name: getattr(self.reconstruction, field.name)
            for field in dataclasses.fields(self.reconstruction)
        }
        return ConservativeGAN(
            network=self.network,
            objective=self.objective,
            steps=self.steps,
            optimizer=self.optimizer,
            **fields,
        )

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        self._inner.validate()
        check_weighted(self.objective)
        if self.compared not in COMPARED:
            raise InputError(f"compared: {self.compared!r} is not known; use 'predictions' or 'images'")
        if SIMILARITY in self.objective:
            raise InputError(
                f"objective.{SIMILARITY}: the name of the weighting network's loss; choose another"
            )
        if self.weighting.classes != self.network.classes:
            raise InputError(
                f"weighting.classes: {self.weighting.classes} and the network scores {self.network.classes}; "
                "make them equal"
            )
        wanted = self.network.classes if self.compared == "predictions" else 3
        if self.weighting.channels != wanted:
            raise InputError(
                f"weighting.channels: {self.weighting.channels} and {self.compared} have {wanted}; make them equal"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        return self._inner.phases

    def terms(self, phase: int) -> dict[str, str]:
        own = super().terms(phase)
        inner = self._inner.terms(phase).items()
        return own | {name: f"reconstruction.{leaf}" for name, leaf in inner if name not in own}

    def init(self, seed: Array, image: Array) -> State:
        side = self.weighting.minimum_size
        key = jax.random.fold_in(jax.random.key(seed), 2)
        drawn = self.weighting.init(key, jnp.zeros((1, side, side, self.weighting.channels)))
        return self._outside(self._inner.init(seed, image), {**drawn, "opt_state": None})

    def begin(self, state: State, phase: int) -> State:
        inner, own = self._inside(state)
        moments = self.weighting_optimizer.transformation(0, 1).init(own["params"])
        return self._outside(self._inner.begin(inner, phase), {**own, "opt_state": moments})

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        inner, own = self._inside(state)
        maps = {domain: self._map(state, batch[domain], domain) for domain in self.domains}
        learn = jax.value_and_grad(self._similarity, has_aux=True)
        (value, (weights, after)), gradient = learn(
            own["params"], own["batch_stats"], maps, batch, state.key(METHOD_STREAM)
        )
        steps = self.steps
        params, moments = moved(
            self.weighting_optimizer,
            own["params"],
            gradient,
            own["opt_state"],
            state.step,
            steps,
            self.weighting.head,
        )
        inner, metrics = self._inner.step(inner, with_weights(batch, weights), phase)
        new = self._outside(inner, {"params": params, "batch_stats": after, "opt_state": moments})
        valid = losses.valid_pixels(batch["source"]["label"], self.network.classes)
        return new, {
            **metrics,
            "terms": {**metrics["terms"], SIMILARITY: value},
            "weight": losses.mean(weights, valid),
            "weighting_gradient_norm": optax.global_norm(gradient),
        }

    def _map(self, state: State, part: Mapping[str, Array], domain: str) -> Float[Array, "B H W D"]:
        """What is compared of one domain: predictions, or images in 0..1."""
        label = part["label"]
        if label.ndim != 3:
            raise InputError(
                "data: its labels are classes of whole images, and HRSelect weighs pixels; use "
                "Reweight(per='image')"
            )
        if self.compared == "images":
            return part["image"] / 255.0
        image = self.network.normalization(part["image"])
        output, _ = self.network.apply(self.variables(state), image, train=False, domain=domain)
        return jax.nn.softmax(brought_to(self.network, output.logits, label.shape))

    def _similarity(
        self, phi: Any, batch_stats: Any, maps: Mapping[str, Array], batch: Batch, key: Array
    ) -> tuple[Float[Array, ""], tuple[Float[Array, "B H W"], Any]]:
        """The weighting network's loss; the weight of each source pixel, and its statistics."""
        source, target = (maps[domain] for domain in self.domains)
        if source.shape != target.shape:
            raise InputError(
                f"data: source maps of {source.shape[1]}x{source.shape[2]} pixels and target maps of "
                f"{target.shape[1]}x{target.shape[2]}; they are compared pixel by pixel, bring them to one size"
            )
        output, after = self.weighting.apply(
            {"params": phi, "batch_stats": batch_stats},
            source,
            train=True,
            rngs={"dropout": jax.random.fold_in(key, 2 * len(self.domains) + 4)},
        )
        weights = self.weighting.weights(output)
        if weights.shape[-1] not in (1, source.shape[-1]):
            raise InputError(
                f"weighting: {weights.shape[-1]} weights a pixel for {source.shape[-1]} channels of "
                f"{self.compared}; use one a pixel"
            )
        apart = jnp.sum((weights * source - target) ** 2, axis=-1)
        both = batch["source"]["valid"] & batch["target"]["valid"]
        return losses.mean(apart, both), (
            self.weighting.pixel_weights(output, batch["source"]["label"]),
            after,
        )

    def _inside(self, state: State) -> tuple[State, dict[str, Any]]:
        """The inner method's state, and the weighting network's part."""
        parts = {name: getattr(state, name) for name in ("params", "batch_stats", "opt_state")}
        own = {name: part[WEIGHTING] if part else None for name, part in parts.items()}
        plain = self.reconstruction is None

        def kept(part: Any) -> Any:
            others = {name: leaf for name, leaf in part.items() if name != WEIGHTING} if part else None
            return others["network"] if plain and others else others

        return dataclasses.replace(state, **{name: kept(part) for name, part in parts.items()}), own

    def _outside(self, inner: State, own: Mapping[str, Any]) -> State:
        """The state of both."""

        def joined(name: str) -> Any:
            part = getattr(inner, name)
            if part is None:
                return None
            others = {"network": part} if self.reconstruction is None else part
            return {**others, WEIGHTING: own[name]}

        return dataclasses.replace(
            inner, **{name: joined(name) for name in ("params", "batch_stats", "opt_state")}
        )
