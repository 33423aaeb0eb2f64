"""An experiment: everything that decides a run's numbers, in one frozen dataclass.

A config file is a Python file with a function `experiment()` that returns one. Every field has a flag on the command
line (the method's carry no prefix: `--objective.target.weight 0.2`), and `resolved` writes the whole of it down, so
that a run folder says what it is and a resumed run can be refused when something differs.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np
import tyro

from jaxseg.crf import DenseCRF
from jaxseg.data import DataSet, RareClasses, Task
from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.methods import Draws, Method
from jaxseg.methods._parts import check_parts
from jaxseg.models import with_precision
from jaxseg.train.mesh import MeshShape


@dataclasses.dataclass(frozen=True)
class EvaluationProtocol:
    """How a network is scored: one confusion matrix over a split, of pixels at the labels' native size, or of images.

    Attributes:
      size: (height, width) to which images are resized before the network; None takes them as they are.
      batch: images at a time.
      flip: also average the softmax with that of the mirrored image (some papers do; off by default).
      scales: of that size, in each of which the image is seen; their softmax is averaged. None, the default, is that
        size alone; `(0.9, 1.0, 1.2)` with `flip` are the views of CRST's scores, whose code averages their logits.
      crf: a dense CRF that smooths the softmax at the labels' size, or None. On the command line
        `--evaluation.crf.iterations 5` sets it where the config does not.
    """

    size: tuple[int, int] | None = None
    batch: int = 8
    flip: bool = False
    scales: tuple[float, ...] = ()
    crf: DenseCRF | None = None

    def described(
        self, task: Task, label_size: tuple[int, int] | None = None, canvas: tuple[int, int] | None = None
    ) -> str:
        """The protocol in words, for a task and for labels brought to a size or laid on a canvas (None: as they came).

        >>> EvaluationProtocol(size=(28, 28)).described("classification")
        'last checkpoint, input 28x28, one label an image, single scale'
        >>> EvaluationProtocol(flip=True).described("segmentation", (512, 1024))
        'last checkpoint, input native size, labels resized to 512x1024, single scale, flip'
        >>> EvaluationProtocol(scales=(0.5, 1.0)).described("segmentation")
        'last checkpoint, input native size, labels at native size, mean of scales 0.5, 1'
        """
        size = "native size" if self.size is None else f"{self.size[0]}x{self.size[1]}"
        place = "at native size" if label_size is None else "resized to {}x{}".format(*label_size)
        laid = "" if canvas is None else " on a canvas of {}x{} (edges: by its diagonal)".format(*canvas)
        labels = f"labels {place}{laid}" if task == "segmentation" else "one label an image"
        several = f"mean of scales {', '.join(f'{scale:g}' for scale in self.scales)}"
        scale = several if self.scales and self.scales != (1.0,) else "single scale"
        flip = ", flip" if self.flip else ""
        crf = "" if self.crf is None else f", {_crf_words(self.crf)}"
        return f"last checkpoint, input {size}, {labels}, {scale}{flip}{crf}"

    def validate(self, task: Task) -> None:
        """Raises `InputError` where a field is none of what it may be."""
        if self.size is not None and min(self.size) < 1:
            raise InputError(
                f"evaluation.size: {self.size[0]}x{self.size[1]}; give a height and a width, or None"
            )
        if self.batch < 1:
            raise InputError(f"evaluation.batch: {self.batch}; at least 1")
        if not all(0 < scale < math.inf for scale in self.scales):
            raise InputError(f"evaluation.scales: {self.scales}; all must be positive")
        if self.crf is not None:
            if task == "classification":
                raise InputError(
                    "evaluation.crf: it smooths label maps, the data has one label an image; leave it out"
                )
            self.crf.validate()

    def __str__(self) -> str:
        return self.described("segmentation")


def _crf_words(crf: DenseCRF) -> str:
    """A dense CRF by its iterations and by whatever else is not as it is by default.

    >>> _crf_words(DenseCRF(2)), _crf_words(DenseCRF(2, position_spread=30.0, filter="grid"))
    ('dense CRF of 2 iterations', 'dense CRF of 2 iterations (position_spread 30, filter grid)')
    """
    usual = DenseCRF(crf.iterations)
    named = {field.name: getattr(crf, field.name) for field in dataclasses.fields(crf)}
    unusual = [(name, value) for name, value in named.items() if value != getattr(usual, name)]
    words = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in unusual
    ]
    return f"dense CRF of {crf.iterations} iterations" + (f" ({', '.join(words)})" if words else "")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One training run.

    Attributes:
      name: of the experiment; runs that share it and differ in the seed are one row of a table.
      data: the labelled source data.
      method: the training method, with its network, losses and schedule. Its flags carry no prefix.
      target: the target data of domain adaptation, or None. Scores are reported on it where there is one.
      augment: what happens to a batch on the device, by name, in this order, on both domains.
      translate: source images take the style of target images (FDA), after the augmentation; None leaves them. On the
        command line `--translate.beta 0.01` sets it where the config does not.
      sampling: rare-class sampling, by domain; others are shuffled. It counts labels, so on the target it uses what
        adaptation must not. On the command line `--sampling.source.temperature 0.01` sets it, likewise.
      batch: images per domain and step, over all devices.
      seed: of parameters, order, augmentation and dropout.
      train_split: the split that is trained on.
      mesh: how many devices split the batch and the image height, and how parameters lie on them.
      accumulate: the network takes a batch in so many parts, one after the other, for less memory and more time; None
        takes it whole. The gradient is that of the whole batch, but batch normalisation sees each part alone.
      precision: what the network computes in, `"float32"` or `"bfloat16"`, its parameters, statistics and logits always
        in float32; None leaves it as it was built.
      initialize: run folder whose last checkpoint gives the starting variables, or a file of published weights
        (`.safetensors`, `.npz`, `.pth`; see `models.pretrained`), or None.
      initialize_head: whether their classifier head is taken too; not where the classes are others.
      evaluation: how it is scored.
      evaluate_every: steps between evaluations on the val split; 0 evaluates at the end only.
      checkpoint_every: steps between checkpoints.
      diagnose_every: steps between measurements of each term's gradient, its norm and its cosine with the others'; one
        costs n (n + 1) / 2 steps, n being the number of terms: with two, every 30 steps is 10%. 0 measures none.
      pictures_every: steps between pictures of what the method makes of some images, as a generator does, into the run
        folder; 0 draws none.
      threads: threads that decode images.
    """

    name: str
    data: DataSet
    method: Annotated[Method, tyro.conf.arg(name="")]
    target: DataSet | None = None
    augment: Mapping[str, Augmentation] = dataclasses.field(default_factory=dict)
    translate: FourierSwap | None = None
    sampling: Mapping[str, RareClasses] = dataclasses.field(default_factory=dict)
    batch: int = 8
    seed: int = 0
    train_split: str = "train"
    mesh: MeshShape = MeshShape()
    accumulate: int | None = None
    precision: Literal["float32", "bfloat16"] | None = None
    initialize: Path | None = None
    initialize_head: bool = True
    evaluation: EvaluationProtocol = EvaluationProtocol()
    evaluate_every: int = 0
    checkpoint_every: int = 200
    diagnose_every: int = 0
    pictures_every: int = 0
    threads: int = 2

    def __post_init__(self) -> None:
        if self.precision is not None:
            method: Any = self.method
            network = with_precision(method.network, self.precision)
            object.__setattr__(self, "method", dataclasses.replace(method, network=network))

    @property
    def domains(self) -> dict[str, DataSet]:
        """The data sets that training reads, by domain.

        Raises:
          InputError: the method or the translation needs a target and there is none.
        """
        needs = self.method.needs()
        if self.target is None and "target" in needs:
            raise InputError(
                f"target: the objective of {self.name!r} has a term on the target; set a target data set"
            )
        if self.target is None and self.translate is not None:
            raise InputError(
                f"translate: source images take the style of the target, and {self.name!r} has none; "
                "set a target data set in the config, or leave translate out"
            )
        if self.translate is not None:
            needs = ("source", "target")
        sets = {"source": self.data, "target": self.target}
        return {domain: data for domain, data in sets.items() if data is not None and domain in needs}

    @property
    def scored(self) -> dict[str, DataSet]:
        """The data sets that evaluation reads, by name: the target first where there is one.

        Two different ones of a single name, such as two folders, are told apart as `folder-target` and `folder-source`.
        """
        if self.target is None or self.target == self.data:
            return {self.data.name: self.data}
        if self.target.name == self.data.name:
            return {f"{self.target.name}-target": self.target, f"{self.data.name}-source": self.data}
        return {self.target.name: self.target, self.data.name: self.data}

    def space_of(self, data_set: DataSet) -> LabelSpace:
        """The classes of a scored data set, with the averages that any of the scored ones names.

        A source such as SYNTHIA names averages over fewer classes that its target's labels know nothing of.
        """
        spaces = (other.labels for other in self.scored.values())
        named = {word: names for space in spaces for word, names in space.subsets.items()}
        return dataclasses.replace(data_set.labels, subsets=named | dict(data_set.labels.subsets))

    def domain_of(self, data_set: DataSet) -> str:
        """The domain, `"source"` or `"target"`, as which a scored data set is seen by a network that tells them apart.

        A target that training never read has no statistics of its own, and is scored with the source's.
        """
        return "target" if data_set == self.target and "target" in self.method.needs() else "source"

    def validate(self) -> None:
        """Raises `InputError` where fields do not fit together; reads no data."""
        if self.batch < 1:
            raise InputError(f"batch: {self.batch}; it is at least 1")
        if not -(2**31) <= self.seed < 2**31:
            raise InputError(f"seed: {self.seed}; it is a number of 32 bits, below {2**31}")
        if self.checkpoint_every < 1:
            raise InputError(f"checkpoint_every: {self.checkpoint_every}; it is at least 1")
        if self.diagnose_every < 0:
            raise InputError(f"diagnose_every: {self.diagnose_every}; it is 0 (never) or more")
        if self.pictures_every < 0:
            raise InputError(f"pictures_every: {self.pictures_every}; it is 0 (never) or more")
        if self.pictures_every and not isinstance(self.method, Draws):
            raise InputError(
                f"pictures_every: {type(self.method).__name__} makes no pictures; leave it out, or set it to 0"
            )
        if self.accumulate is not None and (self.accumulate < 1 or self.batch % self.accumulate):
            raise InputError(
                f"accumulate: {self.accumulate} parts of a batch of {self.batch}; use a divisor of the batch"
            )
        if self.evaluate_every < 0:
            raise InputError(f"evaluate_every: {self.evaluate_every}; it is 0 (end only) or more")
        tasks = {data.task for data in self.scored.values()}
        if len(tasks) > 1:
            raise InputError(
                "data and target: one has a label an image, the other one a pixel; they must be alike"
            )
        spaces = {data.labels.name: data.labels for data in self.scored.values()}
        if len(spaces) > 1:
            raise InputError(
                f"data and target have different label spaces ({', '.join(spaces)}); they must share one"
            )
        space, other = self.data.labels, (self.target or self.data).labels
        if space.names != other.names:  # two folders may have one name and other classes
            raise InputError(
                f"data and target have different classes under one name, {space.name!r}: "
                f"{first_difference(space.names, other.names)}; give them the same, in one order"
            )
        if self.method.network.classes != space.classes:
            raise InputError(
                f"network.classes: the network scores {self.method.network.classes} classes and the labels "
                f"({space.name}) have {space.classes}; make them equal, with --network.classes {space.classes}"
            )
        self.method.validate()
        check_parts(self.method, space.classes if self.data.task == "segmentation" else None)
        self._check_phases()
        self.evaluation.validate(self.data.task)
        if self.translate is not None:
            self.translate.validate("translate")
        for domain in self.sampling:
            if domain not in self.domains:
                raise InputError(
                    f"sampling.{domain}: training reads no such domain, only {' and '.join(self.domains)}"
                )
        _ = self.domains

    def _check_phases(self) -> None:
        for index, phase in enumerate(self.method.phases):
            if phase.steps < 0:
                raise InputError(f"steps: phase {phase.name!r} has {phase.steps}; it is 0 or more")
            if self.diagnose_every and phase.steps and not self.method.terms(index):
                raise InputError(
                    f"diagnose_every: {type(self.method).__name__} has no terms with weights of their own in phase "
                    f"{phase.name!r}; leave it out, or set it to 0"
                )
        if self.method.total_steps < 1:
            raise InputError(
                "steps: 0 in all; use at least 1 (a run is scored without training by python -m experiments.evaluate "
                "RUN, the weights of a file by jaxseg.train.evaluate)"
            )


OPERATIONAL = ("mesh", "threads", "checkpoint_every", "evaluate_every", "diagnose_every", "pictures_every")
"""Fields that may change when a run is resumed: they move where and how often, not what is computed."""


def resolved(value: Any) -> Any:
    """A config value as plain JSON: dataclasses become dicts that name their type, arrays become lists.

    >>> resolved(MeshShape(data=2))
    {'type': 'MeshShape', 'data': 2, 'space': 1, 'parameters': 'replicated'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: resolved(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in ("parent", "name") or not hasattr(value, "parent")  # Linen's own two
        }
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): resolved(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | jax.Array | np.generic):
        return np.asarray(value).tolist()
    if isinstance(value, tuple | list):
        return [resolved(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Path):
        return str(value)
    return getattr(value, "__name__", repr(value))


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Fields in which two resolved configs differ, as `path: old -> new`.

    >>> differences({"seed": 0, "a": {"b": 1}}, {"seed": 0, "a": {"b": 2}})
    ['a.b: 1 -> 2']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(old.keys() | new.keys()):
            found += differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        return found
    # A field that the older of two runs did not know is None there, and here, by default, an empty mapping or list.
    nothing: list[Any] = [None, {}, []]
    alike = old == new or (old in nothing and new in nothing)
    return [] if alike else [f"{path}: {old} -> {new}"]


def first_difference(some: Sequence[str], others: Sequence[str]) -> str:
    """Where two lists of classes differ first.

    >>> first_difference(("sky", "tree"), ("sky", "road", "tree"))
    "class 1 is 'tree' in one and 'road' in the other"
    """
    shown = [[repr(name) for name in names] for names in (some, others)]
    pairs = enumerate(itertools.zip_longest(*shown, fillvalue="missing"))
    place, (one, other) = next((k, pair) for k, pair in pairs if pair[0] != pair[1])
    return f"class {place} is {one} in one and {other} in the other"


def deciding(changed: list[str]) -> list[str]:
    """Of the differences between two configs, those that change what is computed.

    >>> deciding(["seed: 0 -> 1", "mesh.data: 1 -> 8"])
    ['seed: 0 -> 1']
    """
    return [line for line in changed if line.split(":")[0].split(".")[0] not in OPERATIONAL]
