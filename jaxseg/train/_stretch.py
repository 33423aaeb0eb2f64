"""What the batches are drawn from, from one labelling of the target to the next."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxseg.data import DataSource, RareClasses
from jaxseg.data._views import Shown, Unlabelled, random_share, selected
from jaxseg.errors import InputError
from jaxseg.methods import Labelling, Method
from jaxseg.train._label_files import LabelFiles, Labelled
from jaxseg.train.experiment import Experiment


class Stretch(NamedTuple):
    """What the batches of a stretch of phases, from one labelling to the next, are drawn from.

    `shares` is the share of all pixels of the target that each class was predicted for, None before any labelling.
    """

    sources: dict[str, DataSource]
    sampling: dict[str, RareClasses]
    seed: int
    shares: Float[np.ndarray, " C"] | None = None


def stretch_of(
    experiment: Experiment, sources: Mapping[str, DataSource], folder: Path, phase: int
) -> Stretch:
    """The data of the stretch that `phase` is in; `folder` holds the labels of all rounds, those of this one whole.

    Before the first labelling, and with a method that asks for none, it is the data as it is; but a method that asks
    for one never sees the target's own labels.
    """
    method = experiment.method
    used, sampling = dict(sources), dict(experiment.sampling)
    first = labelled_before(method, phase)
    if first is None:
        if labels_target(method) and "target" in used:
            used["target"] = Unlabelled(used["target"])
        return Stretch(used, sampling, experiment.seed)
    labelling = method.labelling(first)
    assert labelling is not None
    files = files_of(method, first, folder)
    manifest = files.record("manifest")
    if manifest is None:
        raise InputError(
            f"{files.folder}: the labels of this phase are not there and the network that made them is gone; "
            "delete the run folder and train it again"
        )
    used["target"] = Labelled(used["target"], files)
    if labelling.mining is not None:
        sampling["target"] = labelling.mining
        used["target"] = Shown(used["target"], labelling.mining.pixels)
    if "source" in used:
        used["source"] = share_of(experiment, used["source"], labelling)
    digest = hashlib.sha256(f"{experiment.seed}/phase {first}".encode()).digest()
    predicted = np.asarray(manifest["predicted"], np.float64)
    shares = (predicted / max(predicted.sum(), 1.0)).astype(np.float32)
    return Stretch(used, sampling, int.from_bytes(digest[:8], "little"), shares)


def share_of(experiment: Experiment, source: DataSource, labelling: Labelling) -> DataSource:
    """The source images that go with a labelling; rare-class sampling leaves out a class that a share does not show."""
    if labelling.source_share is None:
        return source
    places = random_share(len(source), labelling.source_share, experiment.seed, labelling.source_draw)
    part, rare = selected(source, places), experiment.sampling.get("source")
    return part if rare is None else Shown(part, rare.pixels)


def labelled_before(method: Method, phase: int) -> int | None:
    """The last phase up to `phase` before which the target is labelled."""
    return next((index for index in range(phase, -1, -1) if method.labelling(index) is not None), None)


def files_of(method: Method, phase: int, folder: Path) -> LabelFiles:
    """The files of the labels that are made before a phase."""
    labelling = method.labelling(phase)
    assert labelling is not None
    return LabelFiles(folder / method.phases[phase].name, labelling.soft, labelling.store == "recomputed")


def recomputes(method: Method) -> bool:
    """Whether a method asks for labels that every step makes anew."""
    asked = (method.labelling(index) for index in range(len(method.phases)))
    return any(labelling is not None and labelling.store == "recomputed" for labelling in asked)


def labels_target(method: Method) -> bool:
    """Whether a method asks for the target to be labelled before any phase."""
    return any(method.labelling(index) is not None for index in range(len(method.phases)))
