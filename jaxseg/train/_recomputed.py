"""Pseudo-labels that are in no file: every step makes those of its images anew."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jax.sharding import Mesh
from jaxtyping import Array

from jaxseg.methods import Labelling
from jaxseg.train._label_programs import Pass, relabelled
from jaxseg.train._scores import Member

RawBatch = Mapping[str, Mapping[str, Array]]


@dataclasses.dataclass(frozen=True)
class Recomputed:
    """Gives a batch on the mesh the labels of its round.

    Attributes:
      labelling: the rule.
      mesh: the devices.
      members: the networks that label, as they were when the round began, on the mesh.
      prior: [h, w, C] the spatial prior on the mesh, or None.
      thresholds: [C] of the round, on the mesh.
    """

    labelling: Labelling
    mesh: Mesh
    members: tuple[Member, ...]
    prior: Any
    thresholds: Any

    def __call__(self, batch: RawBatch) -> dict[str, Mapping[str, Array]]:
        """The batch with the target's labels, which are those that the labelling pass would have written."""
        target = dict(batch["target"])
        plan = Pass(self.labelling.program, self.mesh)
        made = relabelled(plan, self.members, self.prior, self.thresholds, target["image"])
        del target["label"]
        return {**batch, "target": {**target, "targets" if self.labelling.soft else "label": made}}
