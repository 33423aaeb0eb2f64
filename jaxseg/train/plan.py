"""What an experiment is and what running it would take, found without running, preparing or writing anything.

The training step of each phase is traced as the trainer runs it, on shapes alone. Operations are counted by XLA in the
traced, not yet compiled program. Memory is an estimate: state and batch exactly, and the values of the step that are
alive at once, by `jaxseg.train._liveness`.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxseg.data import DataSet
from jaxseg.data._images import decode_image
from jaxseg.data.recipe import Recipe
from jaxseg.errors import InputError
from jaxseg.methods import State
from jaxseg.train._check import unlabelled
from jaxseg.train._inputs import image_size
from jaxseg.train._liveness import bytes_of, peak_bytes
from jaxseg.train._microbatches import settings_of
from jaxseg.train._program import step as _step
from jaxseg.train._recipe import recipe_text
from jaxseg.train._variables import check_start
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import MeshShape

__all__ = ["Plan", "PlannedPhase", "lacking", "plan", "recipe_text"]

NATIVE = (1024, 2048)
"""Height and width that images are taken to have where neither the data nor its fields tell."""

_OTHER = (768, 1536)


@dataclasses.dataclass(frozen=True)
class PlannedPhase:
    """One phase.

    Attributes:
      name: its name.
      steps: updates.
      flops: floating-point operations of a step, as XLA counts them in the traced program, over all devices; loops
        whose length is not known there count once.
      state: bytes of parameters, batch statistics and optimiser state.
      batch: bytes of a batch as it comes from the host.
      temporary: estimate of the bytes of everything else that is alive at once, over all devices.
    """

    name: str
    steps: int
    flops: float
    state: int
    batch: int
    temporary: int


@dataclasses.dataclass(frozen=True)
class Plan:
    """What running an experiment takes.

    Attributes:
      lacks: one line for each data set, file or device that is not there.
      native: height and width of each domain's images as they are read, by domain.
      sizes: height and width that the network sees in training, by domain.
      assumed: domains whose size had to be assumed.
      images: how many training images there are, by domain, where the data is there.
      parameters: how many parameters there are, by network.
      devices: devices that share the batch.
      phases: the phases, in order.
    """

    lacks: tuple[str, ...]
    native: Mapping[str, tuple[int, int]]
    sizes: Mapping[str, tuple[int, int]]
    assumed: tuple[str, ...]
    images: Mapping[str, int]
    parameters: Mapping[str, int]
    devices: int
    phases: tuple[PlannedPhase, ...]

    def text(self, experiment: Experiment) -> str:
        """The plan in words, with the table of the phases."""
        seen = ", ".join(f"{domain} {_size(size)}" for domain, size in self.sizes.items())
        lines = ["plan", f"  input       {experiment.batch} a domain and step: {seen}"]
        if self.assumed:
            guess = _size(NATIVE)
            lines.append(
                f"              {' and '.join(self.assumed)}: size not known without the data; {guess} is assumed"
            )
        for domain, count in self.images.items():
            rounds = self.phases[-1].steps * experiment.batch / count
            lines.append(
                f"              {domain}: {count:,} images, each {rounds:.1f} times in the last phase"
            )
        counted = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        lines += [f"  parameters  {counted}", f"  devices     {self.devices}", ""]
        lines.append(
            f"  {'phase':<22}{'steps':>9}{'FLOP a step':>14}{'FLOP in all':>14}{'state':>10}{'in all':>10}"
        )
        for phase in self.phases:
            memory = phase.state + (phase.batch + phase.temporary) / self.devices
            lines.append(
                f"  {phase.name:<22}{phase.steps:>9,}{_amount(phase.flops):>14}"
                f"{_amount(phase.flops * phase.steps):>14}{_bytes(phase.state):>10}{_bytes(memory):>10}"
            )
        return "\n".join((*lines, "", *(f"  {line}" for line in _NOTES)))


_NOTES = (
    "FLOP: counted in the traced step, augmentation included. State: parameters, batch statistics, optimiser.",
    "In all, on each device: an estimate, state + batch + the values alive at once, where a value that one other",
    "is computed from, element by element, is not stored; kernels may need room of their own.",
)


def plan(experiment: Experiment) -> Plan:
    """The plan of an experiment; reads at most one image of each data set, and writes nothing.

    Raises:
      InputError: fields do not fit together; data that is not there is no error but told in `lacks`.
    """
    experiment.validate()
    check_start(experiment)
    lacks = list(lacking(experiment))
    try:
        mesh = experiment.mesh.build(experiment.batch)
    except InputError as error:
        lacks.append(f"devices: {error}")
        mesh = MeshShape(data=1).build(experiment.batch)
    native, sizes, assumed, images = {}, {}, [], {}
    for domain, data_set in experiment.domains.items():
        recipe = _recipe(data_set)[0]
        known = _native(data_set, recipe, experiment.train_split)
        native[domain] = known or NATIVE
        sizes[domain] = image_size(experiment.augment, native[domain], domain)
        if known is None and image_size(experiment.augment, _OTHER, domain) != sizes[domain]:
            assumed.append(domain)
        if recipe is not None:
            images[domain] = len(data_set.ids(experiment.train_split))
        elif _makes_its_own(data_set):
            images[domain] = len(data_set.source(experiment.train_split))
        experiment.method.network.validate(*sizes[domain])
    batch = {
        domain: _batch(experiment, data_set, native[domain])
        for domain, data_set in experiment.domains.items()
    }
    first = next(iter(sizes.values()))
    phases: list[PlannedPhase] = []
    with jax.set_mesh(mesh):
        fresh = jax.eval_shape(lambda: experiment.method.init(jnp.int32(0), jnp.zeros((1, *first, 3))))
        for index, phase in enumerate(experiment.method.phases):
            alike = [known for known in phases if _kind(known.name) == _kind(phase.name)]
            if alike:
                phases.append(dataclasses.replace(alike[0], name=phase.name, steps=phase.steps))
                continue
            phases.append(_planned(experiment, fresh, batch, index))
    return Plan(
        lacks=tuple(lacks),
        native=native,
        sizes=sizes,
        assumed=tuple(assumed),
        images=images,
        parameters=_parameters(fresh.params),
        devices=mesh.size,
        phases=tuple(phases),
    )


def _planned(experiment: Experiment, fresh: State, batch: Mapping[str, Any], index: int) -> PlannedPhase:
    phase = experiment.method.phases[index]
    if _soft(experiment, index):
        target = batch["target"]
        classes = experiment.method.network.classes
        soft = jax.ShapeDtypeStruct((*target["label"].shape, classes), jnp.uint8)
        batch = {**batch, "target": {"image": target["image"], "targets": soft}}
    state = jax.eval_shape(lambda state: experiment.method.begun(state, index), fresh)
    traced = _step.trace(*settings_of(experiment), state, batch, index)
    cost = traced.lower().cost_analysis()
    return PlannedPhase(
        name=phase.name,
        steps=phase.steps,
        flops=float(cost.get("flops", 0.0)) if isinstance(cost, Mapping) else 0.0,
        state=bytes_of(state),
        batch=bytes_of(batch),
        temporary=peak_bytes(traced.jaxpr.jaxpr),
    )


def _soft(experiment: Experiment, index: int) -> bool:
    """Whether the target's labels are distributions in a phase."""
    asked = [experiment.method.labelling(phase) for phase in range(index + 1)]
    last = next((labelling for labelling in reversed(asked) if labelling is not None), None)
    return last is not None and last.soft


def _kind(name: str) -> str:
    """The name of a phase without its numbers: rounds of the same work are traced once."""
    return re.sub(r"\d+", "#", name)


def lacking(experiment: Experiment) -> Iterator[str]:
    """One line for each thing that an experiment needs and that is not there: data sets, weights, teachers."""
    told = set()
    for what, data_set in (("data", experiment.data), ("target", experiment.target)):
        if data_set is None:
            continue
        message = _recipe(data_set)[1]
        if message and message not in told:
            told.add(message)
            yield f"{what}: {message}"
    if not _recipe(experiment.data)[1] and (message := unlabelled(experiment)):
        yield f"data: {message}"
    if experiment.initialize is not None and not experiment.initialize.exists():
        yield (
            f"weights: no file or run folder {experiment.initialize}; set --initialize to published weights "
            "(.pth, .npz, .safetensors) or to a run, or to None to start from random ones"
        )

    teachers = {
        teacher
        for index in range(len(experiment.method.phases))
        if (labelling := experiment.method.labelling(index)) is not None
        for teacher in labelling.teachers
    }
    for teacher in sorted(teachers):
        if not teacher.exists():
            yield f"teachers: no run folder {teacher}; train it first, or name others with --teachers"


def _recipe(data_set: DataSet) -> tuple[Recipe | None, str]:
    """The data set's recipe, or why there is none; a data set that prepares nothing has none and lacks nothing."""
    try:
        return data_set.recipe(), ""
    except NotImplementedError:
        return None, ""
    except InputError as error:
        return None, str(error)


def _makes_its_own(data_set: DataSet) -> bool:
    """Whether the data set hands out examples without preparing any."""
    return _recipe(data_set) == (None, "")


def _native(data_set: DataSet, recipe: Recipe | None, split: str) -> tuple[int, int] | None:
    """Height and width of the images: of the first one, or as the fields say, or None."""
    if recipe is not None:  # a data set without splits keeps all examples under one name
        examples = recipe.splits[split] if split in recipe.splits else next(iter(recipe.splits.values()))
        first = next(iter(examples.values()))()
        shape = decode_image(first.image, data_set.name).shape
        return shape[0], shape[1]
    if _makes_its_own(data_set):
        shape = data_set.source(split)[0]["image"].shape
        return shape[0], shape[1]
    fields: dict[str, Any] = {
        field.name: getattr(data_set, field.name) for field in dataclasses.fields(data_set)
    }
    return fields.get("resize")


def _batch(experiment: Experiment, data_set: DataSet, native: tuple[int, int]) -> dict[str, Any]:
    whole = data_set.task == "classification"
    count = experiment.batch
    return {
        "image": jax.ShapeDtypeStruct((count, *native, 3), jnp.uint8),
        "label": jax.ShapeDtypeStruct(
            (count,) if whole else (count, *native), jnp.int32 if whole else jnp.uint8
        ),
    }


def _parameters(params: Any) -> dict[str, int]:
    """How many parameters each network has; a method with several keeps them by name, `network` among them."""

    def count(tree: Any) -> int:
        return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))

    if isinstance(params, Mapping) and "network" in params:
        return {name: count(tree) for name, tree in params.items()}
    return {"network": count(params)}


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _amount(value: float | int) -> str:
    """A number with three digits and a unit of thousands.

    >>> _amount(1.234e12), _amount(999.0)
    ('1.23 T', '999 ')
    """
    for unit in ("", "k", "M", "G", "T", "P", "E"):
        if value < 999.5 or unit == "E":
            break
        value /= 1000
    return f"{value:.3g} {unit}"


def _bytes(value: float | int) -> str:
    """Bytes in powers of 1024.

    >>> _bytes(3 * 2**30)
    '3.0 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f} {unit}"
