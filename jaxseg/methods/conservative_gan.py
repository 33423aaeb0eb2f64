"""The framework of the Conservative Loss paper (Zhu et al. 2018): encoder E, generator G, discriminator D.

E is the network, its pixel classifier included. G makes an image of E's embedding of an image, D tells real images
from generated ones. One step, for a source image x_s and a target image x_t, y_s the source's labels:

    D   L_D = a(x_s, real) + a(G(E(x_s)), generated)  +  the same of the target
    G   L_G = a(G(E(x_s)), real) + a(G(E(x_t)), real)  +  |G(E(x_s)) - x_s| + |G(E(x_t)) - x_t|
    E   L_E = a(G(E(x_s)), real of the target) + a(G(E(x_t)), real of the source)  +  L_seg(x_s, y_s)

with a(image, answer) what D's scores cost the player. E is forwarded once a step, source and then target, and its
embeddings and scores serve all three. Everything random (dropout, noise) is drawn once a step too: passes of one
network over one image see the same draws. What the players meet of each other is `update`:

    "alternating"    the paper: each of D, G, E, in this order, moves before the next takes its gradient. D's is taken
                     at (D, G, E), G's at (D', G, E), E's at (D', G', E); images are generated anew for E, from the
                     same embeddings.
    "simultaneous"   all gradients at (D, G, E), so one forward pass of each network is enough. LSD-seg's released code
                     keeps one forward pass for all three updates, but its optimisers overwrite weights in place in
                     between, which mixes old activations with new weights; this is the clean form of it.
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
from jaxseg.methods._game import (
    KINDS,
    PRETENDED,
    GameWeights,
    Kind,
    Referee,
    check,
    check_generated,
    embedding_of,
    masked,
    shown_of,
    with_noise,
)
from jaxseg.methods._game_views import views
from jaxseg.methods._gradient_share import counted, gradient_shares
from jaxseg.methods._several import beside, fresh_moments
from jaxseg.methods._steps import forwarded, moved
from jaxseg.methods._warmed import Warmed
from jaxseg.methods.groups import Groups
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, State, initial_state
from jaxseg.methods.objective import Summand, WarmStart
from jaxseg.methods.optimizer import STATIC, Adam, Constant, Optimizer
from jaxseg.models import GeneratorNetwork, MapNetwork, Network, Output
from jaxseg.models.layers import crop

UPDATES = ("alternating", "simultaneous")
EMBEDDINGS = ("features", "logits")
PLAYERS = ("discriminator", "generator", "encoder")
TERMS = (*PLAYERS, *(f"{player}_classes" for player in PLAYERS), "reconstruction")
"""Names of the game's own terms."""

Outputs = dict[str, Output]
Images = dict[str, Array]
Found = dict[str, Array]


@pytree
@dataclasses.dataclass(frozen=True)
class ConservativeGAN(Warmed):
    """Segmentation of a labelled source, with images generated from embeddings to bring a target's to the source's.

    The objective is any sum of terms; the paper's is `Term(losses.Conservative())` on the source, after a warm start
    with cross entropy. Its cold start is no warm start and `losses.Conservative(clamp=10.0)`, whose `clamp_on` is what
    the paper leaves open.

    Discriminators: `models.patchgan(2)`, the paper's PatchGAN, with two scores a patch: a real image of the source, a
    real image of the target (the paper has an answer for either domain and does not say how many scores there are);
    `models.patchgan(4)` or `models.lsd_discriminator(classes)` with `reading="four"`, one of the four kinds of images,
    as in LSD-seg. The latter also reads classes off images, which makes the terms of classes.

    D and G have images of 0..1, RGB, whatever E's normalisation is; pixels that augmentation padded are 0 in them and
    do not count in the reconstruction. Batch statistics of D, where it has any, are those after its own update.

    What the paper leaves to its supplement is that of LSD-seg's code where it has it: learning rates of 1e-5 (E, biases
    at twice that) and 1e-4 (G, D), which it does not decay within 100,000 steps on GTA5. Betas are the paper's (0.9,
    0.999); LSD-seg has 0.7 for the first of G and D.

    Attributes:
      network: E; its output has the embedding.
      generator: G, `models.generator`, made for this embedding.
      discriminator: D.
      objective: terms by name, on either domain, as in `ObjectiveMethod`.
      steps: updates of the game.
      weights: factors of the game's terms; `LSD_WEIGHTS` are LSD-seg's.
      loss: of binary scores, for all players.
      noise: standard deviation of the Gaussian noise that is added to what G takes (ours; the paper has noise, of
        unstated amount). `models.generator` can also join channels of noise.
      optimizer: of E.
      generator_optimizer: of G.
      discriminator_optimizer: of D.
      warm_start: an objective for E to run first, or None.
      warm_start_game: the game is played during the warm start too; else G and D rest (the paper does not say).
      update: `"alternating"` or `"simultaneous"`, see the module's text.
      reading: of the scores: `"binary"`, of two, or `"four"`.
      reduction: `"mean"`, over pixels and patches; `"sum"`, over them, of all terms but the reconstruction, as in
        LSD-seg, which makes that term tiny.
      embedding: what G takes of E's output, `"features"` or `"logits"`.
      gradient_share: also report where the segmentation's gradient comes from, by the probability of the true class.

    Source: Zhu, Zhou, Yang, Shi and Lin, "Penalizing Top Performers: Conservative Loss for Semantic Segmentation
    Adaptation", 2018, Sections 3.1, 3.4 and 4.2; Sankaranarayanan et al., "Learning from Synthetic Data: Addressing
    Domain Shift for Semantic Segmentation", 2018, and its released code.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    generator: GeneratorNetwork = dataclasses.field(metadata=STATIC)
    discriminator: MapNetwork = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    weights: GameWeights = GameWeights()
    loss: AdversarialLoss = AdversarialCrossEntropy()
    noise: Scalar = 0.1
    optimizer: Optimizer = Adam(learning_rate=1e-5, schedule=Constant(), groups=Groups(bias=2.0))
    generator_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())
    discriminator_optimizer: Optimizer = Adam(learning_rate=1e-4, schedule=Constant())
    warm_start: WarmStart | None = None
    warm_start_game: bool = dataclasses.field(default=False, metadata=STATIC)
    update: str = dataclasses.field(default="alternating", metadata=STATIC)
    reading: str = dataclasses.field(default="binary", metadata=STATIC)
    reduction: str = dataclasses.field(default="mean", metadata=STATIC)
    embedding: str = dataclasses.field(default="features", metadata=STATIC)
    gradient_share: bool = dataclasses.field(default=False, metadata=STATIC)

    @property
    def _referee(self) -> Referee:
        return Referee(self.reading, self.reduction, self.loss, self.network.classes)

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        self.alone.validate()
        for name, known in (("update", UPDATES), ("embedding", EMBEDDINGS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name}: {getattr(self, name)!r} is not known; use {known[0]!r} or {known[1]!r}"
                )
        check(self._referee, self.discriminator)
        if self.warm_start_game and self.warm_start is None:
            raise InputError("warm_start_game: there is no warm start; give one, or leave it out")
        for index in range(len(self.phases)):
            objective, _ = self.learned(index)
            for taken in {*TERMS} & {*objective}:
                raise InputError(f"objective.{taken}: the name of a term of the game; choose another")
            if self.gradient_share and not counted(objective):
                raise InputError(
                    "gradient_share: the objective has no term of the main head on the source; leave it out"
                )

    def rests(self, phase: int) -> bool:
        return super().rests(phase) and not self.warm_start_game

    def terms(self, phase: int) -> dict[str, str]:
        names = () if self.rests(phase) else ("encoder", "encoder_classes")
        return super().terms(phase) | {name: f"weights.{name}" for name in names}

    def init(self, seed: Array, image: Array) -> State:
        self.discriminator.validate(image.shape[1], image.shape[2])
        state = initial_state(self, seed, image)
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        ready = self.network.normalization(image)
        shown = jax.eval_shape(lambda v, x: self.network.apply(v, x, train=False)[0], variables, ready)
        embedding = jax.tree.map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), embedding_of(shown, self.embedding)
        )
        key = jax.random.key(seed)
        drawn = self.generator.init(jax.random.fold_in(key, 0), embedding)
        made = jax.eval_shape(
            lambda v, x: self.generator.apply(v, x, train=False)[0].logits, drawn, embedding
        )
        check_generated(made.shape, image.shape)
        judge = self.discriminator.init(jax.random.fold_in(key, 1), image)
        return beside(state, {"generator": drawn, "discriminator": judge})

    def begin(self, state: State, phase: int) -> State:
        optimizers = {
            "network": self.learned(phase)[1],
            "generator": self.generator_optimizer,
            "discriminator": self.discriminator_optimizer,
        }
        return dataclasses.replace(state, opt_state=fresh_moments(state, optimizers))

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        objective, optimizer = self.learned(phase)
        playing = not self.rests(phase)
        steps = self.phases[phase].steps
        position = self.position(state, phase)
        key = state.key(METHOD_STREAM)
        params, batch_stats, opt_state = dict(state.params), dict(state.batch_stats), dict(state.opt_state)
        met = params if self.update == "alternating" else state.params  # what the next player meets
        metrics: dict[str, Any] = {"terms": {}}

        def move(player: str, chosen: Optimizer, gradient: Any, head: tuple[str, ...] = ()) -> None:
            params[player], opt_state[player] = moved(
                chosen, params[player], gradient, opt_state[player], position, steps, head
            )
            prefix = "" if player == "network" else f"{player}_"
            metrics[f"{prefix}gradient_norm"] = optax.global_norm(gradient)
            metrics[f"{prefix}learning_rate"] = chosen.rate(position, steps)

        def encoded(weights: Any) -> tuple[Outputs, Any]:
            read = self.domains if playing else {term.domain for term in objective.values()}
            images = {domain: batch[domain]["image"] for domain in self.domains if domain in read}
            return forwarded(self.network, weights, state.batch_stats["network"], images, key)

        outputs, of_encoder, batch_stats["network"] = jax.vjp(encoded, state.params["network"], has_aux=True)
        if playing:
            real = {domain: shown_of(batch[domain]) for domain in self.domains}
            generated, of_generator = jax.vjp(
                lambda weights: self._generated(weights, outputs, batch, key), state.params["generator"]
            )
            judge = jax.grad(self._judged, has_aux=True)
            gradient, (found, right, batch_stats["discriminator"]) = judge(
                params["discriminator"], state, real, generated, batch, key
            )
            metrics["terms"] |= found
            metrics["discriminator_accuracy"] = right
            move("discriminator", self.discriminator_optimizer, gradient)

            deceive = jax.grad(self._deceived, has_aux=True)
            pull, found = deceive(generated, met["discriminator"], state, real, batch, key)
            metrics["terms"] |= found
            (gradient,) = of_generator(pull)
            move("generator", self.generator_optimizer, gradient)

        learn = jax.value_and_grad(self._learned, has_aux=True)
        (metrics["loss"], found), pulls = learn(outputs, met if playing else {}, state, objective, batch, key)
        metrics["terms"] = found | metrics["terms"]
        (gradient,) = of_encoder(pulls)
        move("network", optimizer, gradient, self.network.head)
        if self.gradient_share:
            metrics |= gradient_shares(self.network, objective, outputs["source"], batch["source"])
        new = dataclasses.replace(
            state, step=state.step + 1, params=params, batch_stats=batch_stats, opt_state=opt_state
        )
        return new, metrics

    def pictures(self, state: State, image: Float[Array, "B H W 3"], domain: str) -> dict[str, Array]:
        """What G makes of images, and what D takes that for, see `jaxseg.methods.Draws`."""
        players = {"network": self.network, "generator": self.generator, "discriminator": self.discriminator}
        return views(players, state, image, domain, embedding=self.embedding, reading=self.reading)

    def _judged(
        self, params: Any, state: State, real: Images, generated: Images, batch: Batch, key: Array
    ) -> tuple[Float[Array, ""], tuple[Found, Array, Any]]:
        """L_D; its terms, the share of patches that D takes for what they are, its batch statistics."""
        referee, after = self._referee, state.batch_stats["discriminator"]
        found: Found = {"discriminator": jnp.zeros(())}
        right = jnp.zeros(())
        for kind in KINDS:
            image = (real if kind.real else generated)[kind.domain]
            output, after = self._scores(params, after, image, kind, key)
            found["discriminator"] += referee.answer(output.logits, kind, "discriminator")
            right += referee.right(output.logits, kind) / len(KINDS)
            if kind == Kind("source", True):
                classes = referee.classes(output, batch["source"]["label"])
                found |= {f"discriminator_{name}": value for name, value in classes.items()}
        return self.weights.total(found), (found, right, after)

    def _deceived(
        self, generated: Images, judge: Any, state: State, real: Images, batch: Batch, key: Array
    ) -> tuple[Float[Array, ""], Found]:
        """L_G of the generated images; its terms."""
        found = self._answered("generator", generated, judge, state, batch, key)
        distances = [
            losses.mean(jnp.mean(jnp.abs(generated[domain] - real[domain]), axis=-1), batch[domain]["valid"])
            for domain in self.domains
        ]
        found["reconstruction"] = sum(distances, jnp.zeros(()))
        return self.weights.total(found), found

    def _learned(
        self,
        outputs: Outputs,
        others: Mapping[str, Any],
        state: State,
        objective: Mapping[str, Summand],
        batch: Batch,
        key: Array,
    ) -> tuple[Float[Array, ""], Found]:
        """L_E of E's outputs, without the game's part where there are no others; its terms."""
        found: Found = {}
        if others:
            generated = self._generated(others["generator"], outputs, batch, key)
            found = self._answered("encoder", generated, others["discriminator"], state, batch, key)
        total = self.weights.total(found)
        for name, term in objective.items():
            value = term(self.network, outputs[term.domain], batch[term.domain])
            found[name] = self._referee.scaled(value, batch[term.domain], term.domain)
            total += term.weight * found[name]
        return total, found

    def _answered(
        self, player: str, generated: Images, judge: Any, state: State, batch: Batch, key: Array
    ) -> Found:
        """What D's answers to the generated images, and the classes read off the source's, cost a player."""
        referee = self._referee
        found: Found = {player: jnp.zeros(())}
        for domain in self.domains:
            truth, wanted = Kind(domain, False), PRETENDED[player][domain]
            output, _ = self._scores(judge, state.batch_stats["discriminator"], generated[domain], truth, key)
            found[player] += referee.answer(output.logits, wanted, player)
            if domain == "source":
                classes = referee.classes(output, batch[domain]["label"])
                found |= {f"{player}_{name}": value for name, value in classes.items()}
        return found

    def _scores(
        self, params: Any, batch_stats: Any, image: Array, kind: Kind, key: Array
    ) -> tuple[Output, Any]:
        """D's output on an image of some kind, which draws as all passes over it do; its batch statistics after it."""
        draws = {"dropout": jax.random.fold_in(key, 2 * len(self.domains) + KINDS.index(kind))}
        return self.discriminator.apply(
            {"params": params, "batch_stats": batch_stats}, image, train=True, rngs=draws
        )

    def _generated(self, params: Any, outputs: Outputs, batch: Batch, key: Array) -> Images:
        """G's image of every domain, in 0..1, 0 where augmentation padded."""
        images: Images = {}
        for stream, (domain, output) in enumerate(outputs.items(), start=len(outputs)):
            own = jax.random.fold_in(key, stream)
            given = with_noise(embedding_of(output, self.embedding), self.noise, own)
            draws = {name: jax.random.fold_in(own, place) for place, name in enumerate(("dropout", "noise"))}
            made, _ = self.generator.apply(
                {"params": params, "batch_stats": {}}, given, train=True, rngs=draws
            )
            _, height, width, _ = batch[domain]["image"].shape
            images[domain] = masked(crop(self.generator.image(made), (height, width)), batch[domain])
        return images
