"""What labelling the target anew means: the rule, its thresholds, and which pixels get which label.

A `Labelling` is a pure description. The trainer carries it out before a phase whose method asks for one: a first pass
over the target counts confidences, thresholds follow from the counts, and a second pass makes the labels.
"""

import dataclasses
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, UInt8

from jaxseg.data import RareClasses
from jaxseg.errors import InputError
from jaxseg.labels import VOID
from jaxseg.losses import cbst_labels, lrent_labels, lrl2_labels
from jaxseg.methods._thresholds import quantised, threshold, with_rest

AVERAGES = ("probabilities", "logits")
STORES = ("files", "recomputed")
HARD, SOFT = ("hard", "fda"), ("lrent", "l2")


@dataclasses.dataclass(frozen=True)
class Labelling:
    """How the target's training images are labelled before a phase, and which source images go with them.

    Attributes:
      rule: `"hard"` (CBST), `"lrent"` or `"l2"` (soft, CRST), or `"fda"`, see `SelfTraining`.
      portion: share of the pixels predicted as a class that reach its threshold.
      policy: `"class"`, a threshold for each class, or `"global"`, one for all (ST).
      alpha: weight of the regulariser of `"lrent"` and `"l2"`.
      cap: thresholds above it are lowered to it.
      flip: average the softmax with that of the mirrored image.
      scales: of the image, in each of which it is predicted; their softmax is averaged.
      spatial_prior: multiply the probabilities by how often the source has the class at that place.
      teachers: run folders whose networks predict, their softmax averaged; none is the network in training.
      teacher_average: what of several teachers is averaged, `"probabilities"` or `"logits"`.
      source_share: share of the source images that the phase trains on, or None for all.
      source_draw: what decides which images these are: equal names give subsets of one order.
      store: `"files"`, labels are written and read again, or `"recomputed"`, each step makes those of its images.
      mining: target images are drawn so that rare predicted classes are seen, or None for all alike.
    """

    rule: str = "hard"
    portion: float = 0.2
    policy: str = "class"
    alpha: float = 0.25
    cap: float = 1.0
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    spatial_prior: bool = False
    teachers: tuple[Path, ...] = ()
    teacher_average: str = "probabilities"
    source_share: float | None = None
    source_draw: str = ""
    store: str = "files"
    mining: RareClasses | None = None

    @property
    def soft(self) -> bool:
        """Whether a label is a distribution over the classes."""
        return self.rule in SOFT

    @property
    def program(self) -> "Labelling":
        """The same, at the defaults in all that compiled code does not depend on: rounds then share their programs."""
        same = Labelling()
        names = ("portion", "cap", "teachers", "source_share", "source_draw", "store", "mining")
        return dataclasses.replace(self, **{name: getattr(same, name) for name in names})

    def validate(self) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.rule not in HARD + SOFT:
            raise InputError(f"labels: {self.rule!r} is not known; use {', '.join(map(repr, HARD + SOFT))}")
        if self.policy not in ("class", "global"):
            raise InputError(f"policy: {self.policy!r} is not known; use 'class' or 'global'")
        if self.teacher_average not in AVERAGES:
            raise InputError(
                f"teacher_average: {self.teacher_average!r} is not known; use 'probabilities' or 'logits'"
            )
        if self.store not in STORES:
            raise InputError(f"store: {self.store!r} is not known; use {' or '.join(map(repr, STORES))}")
        if not 0 <= self.portion <= 1:
            raise InputError(f"portion: {self.portion}; it is 0 to 1")
        if self.source_share is not None and not 0 < self.source_share <= 1:
            raise InputError(f"source_share: {self.source_share}; it is above 0 and at most 1")
        if not self.alpha > 0:
            raise InputError(f"alpha: {self.alpha}; it is positive")
        if not 0 < self.cap <= 1:
            raise InputError(f"cap: {self.cap}; it is above 0 and at most 1")
        if not self.scales or min(self.scales) <= 0:
            raise InputError(f"scales: {self.scales}; give at least one, all positive")

    def thresholds(self, counts: Integer[np.ndarray, "C bins"]) -> Float[np.ndarray, " C"]:
        """The threshold of each class.

            lambda_c = min(v_r, cap),    v_1 >= v_2 >= ... the n confidences of pixels predicted as c

        with r = floor(portion n), as the released code of CBST and CRST has it, and r = n - round((1 - portion) n),
        at least 1, under `"fda"`. Where r is 0 the threshold is 1. Under `"global"`, v runs over the pixels of all
        classes.

        Args:
          counts: [C, BINS] pixels by predicted class and confidence, of `confidence_histogram`.

        Returns:
          [C] float32, at most a bin's width below what sorting would give.
        """
        if self.policy == "global":
            counts = np.broadcast_to(counts.sum(axis=0), counts.shape)
        values = [threshold(row, self._rank(int(row.sum()))) for row in counts]
        lowest = np.finfo(np.float32).tiny
        return np.clip(np.asarray(values, np.float32), lowest, np.float32(self.cap))

    def _rank(self, pixels: int) -> int:
        if self.rule == "fda" and pixels:
            return max(pixels - round(round((1.0 - self.portion) * pixels, 6)), 1)
        return math.floor(self.portion * pixels)

    def labels(
        self, scores: Float[Array, "*B C"], thresholds: Float[Array, " C"]
    ) -> UInt8[Array, "*B"] | UInt8[Array, "*B C"]:
        """The labels of pixels.

        Args:
          scores: [*B, C] logarithms of the probabilities, or of their products with the spatial prior.
          thresholds: [C] of `thresholds`.

        Returns:
          Hard rules: [*B] uint8 train ids, 255 where there is no label. Soft rules: [*B, C] uint8, the label in steps
          of 1/255 (no class is off by more than one), all 0 where there is none.
        """
        if self.rule == "fda":
            best = jnp.argmax(scores, axis=-1)
            kept = jnp.max(scores, axis=-1) >= jnp.log(thresholds)[best]
            return jnp.where(kept, best.astype(jnp.uint8), jnp.uint8(VOID))
        if self.spatial_prior:
            scores, thresholds = with_rest(scores, thresholds)
        if self.rule == "hard":
            return cbst_labels(scores, thresholds, void=VOID)[0].astype(jnp.uint8)
        rule = lrent_labels if self.rule == "lrent" else lrl2_labels
        soft, selected = rule(scores, thresholds, self.alpha)
        soft = soft[..., :-1] if self.spatial_prior else soft
        return quantised(jnp.where(selected[..., None], soft, 0.0))
