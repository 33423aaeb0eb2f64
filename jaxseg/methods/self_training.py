"""Self-training in rounds: label the target with the network, train on these labels and the source's, label anew.

    for k = 0, 1, ...:
        p <- softmax of the network on every target image
        lambda_c <- confidence that the share portion.at(k) of the pixels predicted as c reach
        y <- labels of the pixels that exceed their thresholds; none elsewhere
        train on the source (or a share of it) and on (target, y), with a fresh optimiser

CBST (Zou et al., ECCV 2018) has hard labels; CRST (Zou et al., ICCV 2019) soft ones (LRENT) or a regulariser of the
model (MRKLD: hard labels and the loss `losses.MRKLD`); Liu et al. (AAAI 2020) put Wasserstein losses on LRENT's; FDA
(Yang and Soatto, CVPR 2020) has one round, whose labels come from the mean of three trained networks.

The released code of CBST and CRST puts source and target images into one list and draws its batches from that; here
every step has as many images of each domain (ours), and `average` says how their pixels count.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxseg.data import RareClasses
from jaxseg.errors import InputError
from jaxseg.losses import MRKLD, Scalar, pytree, valid_pixels
from jaxseg.methods.labelling import Labelling
from jaxseg.methods.method import Batch, Metrics, Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, Term
from jaxseg.methods.one_of import OneOf
from jaxseg.methods.optimizer import STATIC, Optimizer

AVERAGES = ("joint", "released", "separate")


@pytree
@dataclasses.dataclass(frozen=True)
class Portions:
    """A share that grows from round to round, `min(start + step k, stop)` in round k.

    >>> [round(Portions(0.2, 0.05, 0.5).at(k), 4) for k in (0, 1, 9)]
    [0.2, 0.25, 0.5]
    """

    start: Scalar
    step: Scalar
    stop: Scalar

    def at(self, number: int) -> float:
        """The share in round `number`, from 0."""
        return min(float(self.start) + float(self.step) * number, float(self.stop))


@pytree
@dataclasses.dataclass(frozen=True)
class SelfTraining(ObjectiveMethod):
    """Rounds of labelling and training; the defaults are CRST's on GTA5 to Cityscapes, where it says nothing else.

    Attributes:
      steps: updates of a round.
      rounds: number of rounds; CRST counts one more, in which it only tests.
      labels: the rule.
        `"hard"`: k = argmax_c p_c / lambda_c where p_k >= lambda_k (CBST).
        `"lrent"`: y_c ~ (p_c / lambda_c)^(1/alpha), where the sum of these exceeds 1 (CRST's label entropy).
        `"l2"`: the projection of log(p / lambda) / (2 alpha) onto the simplex (ours: CRST has no code for it).
        `"fda"`: k = argmax_c p_c where p_k >= lambda_k; FDA's is `portion=Portions(0.34, 0.0, 0.34)`, `cap=0.9`.
      portion: share of the pixels predicted as a class that reach its threshold, by round.
      source_share: share of the source images in a round, by round; None takes all. CRST: 0.03, 0.0025, 0.06.
      source_draw: `"new"`, other images every round (CRST), or `"nested"`, ever more of one order (CBST).
      policy: `"class"`, a threshold for each class, or `"global"`, one for all (ST).
      alpha: weight of the regulariser of `"lrent"` (0.25 in its script) and `"l2"`.
      cap: thresholds above it are lowered to it.
      flip: label by the mean of the softmax of an image and its mirror image.
      scales: label by the mean softmax over these scales of the image; CRST labels at 0.9.
      spatial_prior: label by p_c times how often the source has c at that place (CBST-SP).
      teachers: run folders whose networks label, by the mean of their softmax; none is the network in training.
      teacher_average: what of several teachers is averaged, `"probabilities"` (FDA) or `"logits"`.
      store: where labels are between a labelling and its steps. `"files"`: on disk, packed, uint8 in steps of 1/255.
        `"recomputed"`: nowhere; every step makes those of its images anew, from the networks that the round began with
        (which are kept on disk). They are the same labels, for a prediction of each target image in every step.
      mining: draws target images by the rare classes predicted in them, from the whole of their pixels (ours; a class
        that no image shows enough of is left out). In CRST an image that shows such a class is cropped around it:
        that is an augmentation, `ScaleCropFlip(centre=RareCentre())`.
      average: `"joint"`, terms of labels and targets are averaged over the labelled pixels of both domains together,
        as the papers' sums are; `"released"`, the same but for the regulariser of `losses.MRKLD`, which is averaged
        over the target's alone, as in CRST's code (there alpha weighs several times as much); `"separate"`, each over
        its own domain's.
      round_rate: factor of the learning rate from round to round; 1 / sqrt(2) in CBST, 1 in CRST.

    With a `warm_start`, an objective that reads no target labels runs before the first round.
    """

    rounds: int = dataclasses.field(default=3, metadata=STATIC)
    labels: str = dataclasses.field(default="hard", metadata=STATIC)
    portion: Portions = Portions(0.2, 0.05, 0.5)
    source_share: Portions | None = None
    source_draw: str = dataclasses.field(default="new", metadata=STATIC)
    policy: str = dataclasses.field(default="class", metadata=STATIC)
    alpha: Scalar = 0.25
    cap: Scalar = 1.0
    flip: bool = dataclasses.field(default=True, metadata=STATIC)
    scales: tuple[float, ...] = dataclasses.field(default=(1.0,), metadata=STATIC)
    spatial_prior: bool = dataclasses.field(default=False, metadata=STATIC)
    teachers: tuple[Path, ...] = dataclasses.field(default=(), metadata=STATIC)
    teacher_average: str = dataclasses.field(default="probabilities", metadata=STATIC)
    store: str = dataclasses.field(default="files", metadata=STATIC)
    mining: RareClasses | None = dataclasses.field(default=None, metadata=STATIC)
    average: str = dataclasses.field(default="joint", metadata=STATIC)
    round_rate: Scalar = 1.0

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.rounds < 1:
            raise InputError(f"rounds: {self.rounds}; it is at least 1")
        if self.source_draw not in ("new", "nested"):
            raise InputError(f"source_draw: {self.source_draw!r} is not known; use 'new' or 'nested'")
        if self.average not in AVERAGES:
            raise InputError(f"average: {self.average!r} is not known; use {', '.join(map(repr, AVERAGES))}")
        for number in range(self.rounds):
            self._labelling(number).validate()
        super().validate()
        for name, term in self.objective.items():
            if isinstance(term, OneOf):
                raise InputError(
                    f"objective.{name}: self-training must see whether a term reads labels; give the chosen terms "
                    "themselves, not OneOf"
                )
        if not any(term.domain == "target" and _reads_truth(term) for term in self.objective.values()):
            raise InputError(
                "objective: no term reads the labels of the target; add one, or use ObjectiveMethod"
            )
        if "source" not in self.needs() and (self.spatial_prior or self.source_share is not None):
            raise InputError(
                "objective: no term is on the source, which spatial_prior and source_share read; add one"
            )

    @property
    def phases(self) -> tuple[Phase, ...]:
        warm = [Phase("warm_start", self.warm_start.steps)] if self.warm_start else []
        return (*warm, *(Phase(f"round{number}", self.steps) for number in range(self.rounds)))

    def _round(self, phase: int) -> int | None:
        """Number of the round that a phase is, None for the warm start."""
        number = phase - (self.warm_start is not None)
        return number if number >= 0 else None

    def program(self, phase: int) -> int:
        """Rounds differ in their labels and in the factor of the rate, which the step alone tells: one program."""
        number = self._round(phase)
        return phase if number is None else phase - number

    def _objective(self, phase: int) -> tuple[Mapping[str, Summand], Optimizer]:
        """The rate of the optimiser is that of the first round."""
        return super()._objective(phase) if self._round(phase) is None else (self.objective, self.optimizer)

    def _in_rounds(self, state: State) -> Array:
        """Steps since the first round began."""
        return state.step - (self.warm_start.steps if self.warm_start else 0)

    def _position(self, state: State, phase: int) -> Array:
        if self._round(phase) is None:
            return super()._position(state, phase)
        return self._in_rounds(state) % self.steps

    def _optimizer(self, state: State) -> Optimizer:
        """The optimiser with the rate of the round that the state is in."""
        optimizer: Any = self.optimizer
        number = (self._in_rounds(state) // self.steps).astype(jnp.float32)
        factor = jnp.asarray(self.round_rate, jnp.float32) ** number
        rescaled: Optimizer = dataclasses.replace(optimizer, learning_rate=optimizer.learning_rate * factor)
        return rescaled

    def labelling(self, phase: int) -> Labelling | None:
        number = self._round(phase)
        return None if number is None else self._labelling(number)

    def _labelling(self, number: int) -> Labelling:
        return Labelling(
            rule=self.labels,
            portion=self.portion.at(number),
            policy=self.policy,
            alpha=float(self.alpha),
            cap=float(self.cap),
            flip=self.flip,
            scales=self.scales,
            spatial_prior=self.spatial_prior,
            teachers=self.teachers,
            teacher_average=self.teacher_average,
            source_share=None if self.source_share is None else self.source_share.at(number),
            source_draw="nested" if self.source_draw == "nested" else f"round{number}",
            store=self.store,
            mining=self.mining,
        )

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        if self._round(phase) is None:
            return super().step(state, batch, phase)
        batch = self._with_targets(batch)
        labelled = self._labelled(batch)
        objective = self.objective if self.average == "separate" else self._joint(labelled)
        state, metrics = ObjectiveMethod.step(
            dataclasses.replace(self, objective=objective, optimizer=self._optimizer(state)),
            state,
            batch,
            phase,
        )
        share = labelled["target"] / batch["target"]["valid"].size
        return state, {**metrics, "labelled": share}

    def _with_targets(self, batch: Batch) -> Batch:
        """The batch; where labels are hard and a term takes distributions, with one-hot ones."""
        wanted = any(
            isinstance(term, Term) and term.domain == "target" and term.loss.takes == "targets"
            for term in self.objective.values()
        )
        part = batch["target"]
        if not wanted or "targets" in part:
            return batch
        known = valid_pixels(part["label"], self.network.classes)[..., None]
        one_hot = jax.nn.one_hot(part["label"], self.network.classes) * known.astype(jnp.float32)
        return {**batch, "target": {**part, "targets": one_hot}}

    def _labelled(self, batch: Batch) -> dict[str, Int[Array, ""]]:
        """How many pixels have a label, by domain, where a term reads labels."""
        counts = {}
        for domain in sorted({term.domain for term in self.objective.values() if _reads_truth(term)}):
            part = batch[domain]
            known = valid_pixels(part["label"], self.network.classes)
            if "targets" in part:
                known = part["valid"] & (jnp.sum(part["targets"], axis=-1) > 0.0)
            counts[domain] = jnp.sum(known, dtype=jnp.int32)
        return counts

    def _joint(self, labelled: Mapping[str, Array]) -> dict[str, Summand]:
        """The objective, every mean over a domain's labelled pixels weighted by its share of all labelled pixels."""
        total = jnp.maximum(sum(labelled.values(), jnp.zeros((), jnp.int32)), 1)

        def weighted(term: Summand) -> Summand:
            if not isinstance(term, Term) or not _reads_truth(term):
                return term
            share = labelled[term.domain].astype(jnp.float32) / total.astype(jnp.float32)
            loss = term.loss
            if self.average == "released" and isinstance(loss, MRKLD):  # the share is in front of alpha, too
                loss = dataclasses.replace(loss, alpha=loss.alpha / jnp.where(share > 0.0, share, 1.0))
            return dataclasses.replace(term, weight=term.weight * share, loss=loss)

        return {name: weighted(term) for name, term in self.objective.items()}


def _reads_truth(term: Summand) -> bool:
    return isinstance(term, Term) and term.loss.takes != "logits"
