"""Joint training where a source pixel counts or does not, by what a network of the target alone makes of it.

    judge   steps on the target's labels alone; then the judge is held
    train   L = sum_n M_n l_n / N  over the source  +  the target's loss,     M_n = 1 where q_n > threshold, else 0

q_n is the probability that the judge gives to the pixel's label, or to the class that it thinks best.

It is the row "0-1 confidence mask" of the tables of Sun et al. 2019, which MetaPix's paper quotes without a word on how
the mask is made. So the whole recipe is ours: whose confidence it is, of what, above which threshold, and when.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxseg import losses
from jaxseg.errors import InputError
from jaxseg.losses import Scalar, pytree
from jaxseg.methods._hypergradient import summed
from jaxseg.methods._several import SeveralNetworks, beside, fresh_moments, stepped
from jaxseg.methods._weighted import check_weighted, with_weights
from jaxseg.methods.method import METHOD_STREAM, Batch, Metrics, Phase, State, initial_state
from jaxseg.methods.objective import Summand, Term, brought_to
from jaxseg.methods.optimizer import SGD, STATIC, Optimizer
from jaxseg.models import Network

CONFIDENCES = ("label", "best")
JUDGE = "judge"
"""Under this name parameters, statistics and optimiser state hold the judge's; the other is `network`."""


@pytree
@dataclasses.dataclass(frozen=True)
class ConfidenceMask(SeveralNetworks):
    """Training on masked source pixels and the target; the mask is that of a judge trained before on the target.

    Both networks are of one kind. The judge predicts as in evaluation, without dropout and by its running statistics,
    and where a network has layers of its own for each domain, with the target's: it has learned no others. Both start
    from the variables that training starts from; a head that these do not give is the same in both, too.

    Attributes:
      network: the segmentation network, and the judge's form.
      objective: terms by name, as in `ObjectiveMethod`; those that are `Weighted` see the mask on the source.
      steps: updates of the network.
      judge_steps: updates of the judge; 0 where training begins from the variables of a run on the target alone, which
        then are the network's, too.
      threshold: of the confidence (ours).
      confidence: `"label"`, the probability of the pixel's label (ours); or `"best"`, that of the best class, right or
        wrong.
      judge_objective: what the judge learns.
      optimizer: of the network.
      judge_optimizer: of the judge.

    Source: ours, after the name of a row in Sun, Zhu, Wu, Huang, Shi and Ma, "Not All Areas Are Equal: Transfer
    Learning for Semantic Segmentation via Hierarchical Region Selection", 2019; quoted in Jian and Gao 2021, Table 1.
    """

    network: Network = dataclasses.field(metadata=STATIC)
    objective: Mapping[str, Summand]
    steps: int = dataclasses.field(metadata=STATIC)
    judge_steps: int = dataclasses.field(metadata=STATIC)
    threshold: Scalar = 0.5
    confidence: str = dataclasses.field(default="label", metadata=STATIC)
    judge_objective: Mapping[str, Summand] = dataclasses.field(
        default_factory=lambda: {"target": Term(losses.SoftmaxCrossEntropy(), domain="target")}
    )
    optimizer: Optimizer = SGD()
    judge_optimizer: Optimizer = SGD()

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.confidence not in CONFIDENCES:
            raise InputError(f"confidence: {self.confidence!r} is not known; use 'label' or 'best'")
        if self.judge_steps < 0 or self.steps < 1:
            raise InputError(
                f"steps, judge_steps: {self.steps} and {self.judge_steps}; they are at least 1 and 0"
            )
        for name, term in self.objective.items():
            term.validate(f"objective.{name}", self.domains)
        for name, term in self.judge_objective.items():
            term.validate(f"judge_objective.{name}", ("target",))
        check_weighted(self.objective)

    @property
    def phases(self) -> tuple[Phase, ...]:
        return Phase(JUDGE, self.judge_steps), Phase("train", self.steps)

    def terms(self, phase: int) -> dict[str, str]:
        if phase == 0:
            return {name: f"judge_objective.{name}.weight" for name in self.judge_objective}
        return super().terms(phase)

    def init(self, seed: Array, image: Array) -> State:
        key = jax.random.fold_in(jax.random.key(seed), 0)
        judge = self.network.init(key, self.network.normalization(image))
        return beside(initial_state(self, seed, image), {JUDGE: judge})

    def begin(self, state: State, phase: int) -> State:
        optimizers = {"network": self.optimizer, JUDGE: self.judge_optimizer}
        return dataclasses.replace(state, opt_state=fresh_moments(state, optimizers))

    def with_variables(self, state: State, variables: Mapping[str, Any]) -> State:
        given, copied = super().with_variables(state, variables), jax.tree.map(jnp.copy, dict(variables))
        return dataclasses.replace(
            given,
            params={**given.params, JUDGE: copied["params"]},
            batch_stats={**given.batch_stats, JUDGE: copied["batch_stats"]},
        )

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        if phase == 0:
            return self._learn(state, batch, JUDGE, self.judge_objective, self.judge_optimizer, phase)
        mask = self.mask(state, batch["source"])
        given = with_weights(batch, mask.astype(jnp.float32))
        new, metrics = self._learn(state, given, "network", self.objective, self.optimizer, phase)
        valid = losses.valid_pixels(batch["source"]["label"], self.network.classes)
        return new, {**metrics, "kept": losses.mean(mask, valid)}

    def mask(self, state: State, part: Mapping[str, Array]) -> Bool[Array, "B H W"]:
        """Whether each pixel of the source's batch counts; a pixel without a label does not.

        Args:
          state: in the second phase, its judge trained.
          part: `"image"` [B, H, W, 3] in 0..255 and `"label"` [B, H, W].

        Raises:
          InputError: labels are the classes of whole images.
        """
        label = part["label"]
        if label.ndim != 3:
            raise InputError(
                "data: its labels are classes of whole images, and a mask is of pixels; use Reweight(per='image')"
            )
        variables = {"params": state.params[JUDGE], "batch_stats": state.batch_stats[JUDGE]}
        image = self.network.normalization(part["image"])
        output, _ = self.network.apply(variables, image, train=False, domain="target")
        log_p = jax.nn.log_softmax(brought_to(self.network, output.logits, label.shape))
        valid = losses.valid_pixels(label, self.network.classes)
        if self.confidence == "best":
            found = jnp.max(log_p, axis=-1)
        else:
            classes = jnp.where(valid, label, 0).astype(jnp.int32)
            found = jnp.take_along_axis(log_p, classes[..., None], axis=-1)[..., 0]
        return valid & (jnp.exp(found) > self.threshold)

    def _learn(
        self,
        state: State,
        batch: Batch,
        name: str,
        objective: Mapping[str, Summand],
        optimizer: Optimizer,
        phase: int,
    ) -> tuple[State, Metrics]:
        """One step of one of the two networks."""
        key, stats = state.key(METHOD_STREAM), state.batch_stats[name]
        learn = jax.value_and_grad(
            lambda theta: summed(self.network, objective, theta, stats, batch, key), has_aux=True
        )
        (value, (after, terms)), gradient = learn(state.params[name])
        position = state.step - (self.judge_steps if phase else 0)
        new, of_step = stepped(
            state, name, gradient, after, optimizer, position, self.phases[phase].steps, self.network.head
        )
        return new, {"loss": value, "terms": terms, **of_step}
