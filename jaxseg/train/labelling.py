"""The labelling pass of self-training: the target predicted, thresholds found, labels written.

Every device takes whole images, one at a time, by one program. So a label is a function of the variables and the image
alone: not of the batch, the number of threads or the number of devices, nor of which labels were there already when a
round that was killed goes on.
"""

import functools
import hashlib
import itertools
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jaxtyping import Array, Float

from jaxseg import data
from jaxseg.data import DataSource
from jaxseg.data._views import Unlabelled, ids_of, selected
from jaxseg.errors import InputError
from jaxseg.methods import Labelling
from jaxseg.methods._thresholds import BINS, HIGHEST, LOWEST
from jaxseg.models import Network
from jaxseg.train._label_files import LabelFiles
from jaxseg.train._label_programs import EACH, Pass, counted, labelled, predicted
from jaxseg.train._prior import spatial_prior
from jaxseg.train._recomputed import Recomputed
from jaxseg.train._scores import Member
from jaxseg.train._stretch import files_of, labelled_before, labels_target, share_of
from jaxseg.train._variables import variables_of, with_target
from jaxseg.train.checkpoint import complete_steps
from jaxseg.train.distributed import check_one_size
from jaxseg.train.experiment import Experiment, resolved
from jaxseg.train.mesh import replicated
from jaxseg.train.run import RunFolder

FORMAT = 1
"""Part of the fingerprint; raise it when the same description gives other labels."""


def recomputed(
    experiment: Experiment, sources: Mapping[str, DataSource], folder: Path, phase: int, mesh: Mesh
) -> Recomputed | None:
    """What gives the batches of the stretch that `phase` is in their labels; None where these come from files.

    Raises:
      InputError: the networks that label are not there.
    """
    method = experiment.method
    first = labelled_before(method, phase)
    labelling = None if first is None else method.labelling(first)
    if first is None or labelling is None or labelling.store == "files":
        return None
    files = files_of(method, first, folder)
    networks = [_check_teacher(path, method.network.classes) for path in labelling.teachers] or [
        method.network
    ]
    members = tuple(
        Member(network, variables, "target")
        for network, variables in zip(networks, files.networks(), strict=True)
    )
    thresholds = np.asarray((files.record("thresholds") or {})["thresholds"], np.float32)
    prior = _prior(labelling, method.network.classes, sources, folder)
    return Recomputed(labelling, mesh, *jax.device_put((members, prior, thresholds), replicated(mesh)))


def _prior(
    labelling: Labelling, classes: int, sources: Mapping[str, DataSource], folder: Path
) -> Float[np.ndarray, "h w C"] | None:
    if not labelling.spatial_prior:
        return None
    return spatial_prior(sources["source"], classes, sources["target"][0]["image"].shape[:2], folder)


def label_target(
    experiment: Experiment,
    phase: int,
    variables: Mapping[str, Any],
    sources: Mapping[str, DataSource],
    folder: Path,
    mesh: Mesh,
    *,
    between: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Labels the target's training images as the method asks before `phase`, or finishes what was begun.

    Args:
      experiment: whose method it is.
      phase: a phase before which the method asks for labels.
      variables: of the network in training, used unless there are teachers.
      sources: training data by domain; of the target, the images are used and nothing else.
      folder: holds the labels of all rounds.
      mesh: every device of it works on an image of its own.
      between: called between images; what it raises ends the pass, which can go on later.

    Returns:
      What is in the manifest: `"thresholds"`, `"portion"`, and by class `"predicted"` and `"labelled"`, in pixels.

    Raises:
      InputError: a teacher is no trained run, or scores other classes.
    """
    method = experiment.method
    labelling = method.labelling(phase)
    assert labelling is not None
    if labelling.teachers:
        members = _teachers(labelling, method.network.classes, mesh)
    else:
        members = (Member(method.network, with_target(method, variables, phase), "target"),)
    target = Unlabelled(sources["target"])
    made_of = {
        "format": [FORMAT, BINS, LOWEST, HIGHEST],
        "labelling": resolved(labelling),
        "networks": resolved([member.network for member in members]),
        "ids": ids_of(sources["target"]),
        "variables": _digest([member.variables for member in members]),
    }
    files = files_of(method, phase, folder)
    if jax.process_index() == 0:
        files.begin(hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest())
    _wait_for_all("labels begun")
    done = files.record("manifest")
    if done is not None:
        return done
    began = time.monotonic()
    if files.recomputed and jax.process_index() == 0:
        files.keep_networks([member.variables for member in members])
    prior = _prior(labelling, method.network.classes, sources, folder)
    plan = Pass(labelling.program, mesh)
    predict = functools.partial(predicted, plan, members, prior)
    thresholds = _thresholds(labelling, plan, predict, target, files, experiment.threads, between)
    _write(plan, predict, thresholds, target, files, experiment.threads, between)
    _wait_for_all("labels written")
    by_class = files.counts(len(target)).sum(axis=0).tolist()
    manifest = {
        "labelling": resolved(labelling),
        "images": len(target),
        "portion": labelling.portion,
        "thresholds": thresholds.tolist(),
        "predicted": by_class[0],
        "labelled": by_class[1],
        "seconds": round(time.monotonic() - began, 2),
    }
    if jax.process_index() == 0:
        files.keep("manifest", manifest)
    _wait_for_all("labels complete")
    return manifest


def check_labelling(experiment: Experiment, sources: Mapping[str, DataSource]) -> None:
    """Raises `InputError` where a method that labels the target cannot do so with this experiment."""
    method = experiment.method
    if not labels_target(method):
        return
    if experiment.data.task != "segmentation":
        raise InputError(
            "method: it labels the pixels of the target, and here a label is the class of an image"
        )
    if "target" in experiment.sampling:
        raise InputError(
            "sampling.target: it counts the target's own labels, which self-training must not see; "
            "use the method's mining, which counts predictions"
        )
    shape, rare = sources["target"][0]["image"].shape, experiment.sampling.get("source")
    for labelling in filter(None, map(method.labelling, range(len(method.phases)))):
        for scale in labelling.scales:
            method.network.validate(round(scale * shape[0]), round(scale * shape[1]))
        for teacher in labelling.teachers:
            _check_teacher(teacher, method.network.classes)
        if rare is not None and labelling.source_share is not None:
            part = share_of(experiment, sources["source"], labelling)
            rare.order(part, experiment.seed, "source", experiment.threads)


def _check_teacher(path: Path, classes: int) -> Network:
    folder = RunFolder(path)
    network = folder.experiment().method.network
    if network.classes != classes:
        raise InputError(f"teachers: the network of {path} scores {network.classes} classes, not {classes}")
    if not complete_steps(folder.checkpoints):
        raise InputError(f"teachers: {path} has no checkpoint; train it first")
    return network


def _teachers(labelling: Labelling, classes: int, mesh: Mesh) -> tuple[Member, ...]:
    networks = tuple(_check_teacher(path, classes) for path in labelling.teachers)
    loaded = [variables_of(RunFolder(path))[1] for path in labelling.teachers]
    placed = jax.device_put(loaded, replicated(mesh))
    return tuple(
        Member(network, variables, "target") for network, variables in zip(networks, placed, strict=True)
    )


def _digest(variables: Any) -> str:
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        array = np.asarray(leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _thresholds(
    labelling: Labelling,
    plan: Pass,
    predict: Callable[[Array], Array],
    target: DataSource,
    files: LabelFiles,
    threads: int,
    between: Callable[[], None],
) -> Float[np.ndarray, " C"]:
    """The first pass: thresholds from the confidences on all images; kept, so that it is done once."""
    kept = files.record("thresholds")
    if kept is None:
        total: Any = 0
        late: deque[Array] = deque()
        for batch in _batches(target, plan.mesh, threads):
            real = _on_mesh(plan.mesh, np.asarray([name != "" for name in batch["id"]]))
            late.append(counted(plan, predict(_on_mesh(plan.mesh, batch["image"])), real))
            if len(late) > 1:
                total = total + np.asarray(late.popleft(), np.int64)
            between()
        for counts in late:
            total = total + np.asarray(counts, np.int64)
        kept = {"thresholds": labelling.thresholds(total).tolist()}
        if jax.process_index() == 0:
            files.keep("thresholds", kept)
    return np.asarray(kept["thresholds"], np.float32)


def _write(
    plan: Pass,
    predict: Callable[[Array], Array],
    thresholds: Float[np.ndarray, " C"],
    target: DataSource,
    files: LabelFiles,
    threads: int,
    between: Callable[[], None],
) -> None:
    """The second pass: the labels that are not there yet. Files are packed and written in threads."""
    missing = [index for index in range(len(target)) if not files.has(index)]
    _wait_for_all("labels counted")
    if not missing:
        return
    workers = max(threads, 1)
    late: deque[tuple[list[int], Array, Array]] = deque()
    writing: deque[Future[None]] = deque()

    def finish() -> None:
        indices, labels, counts = late.popleft()
        read = (
            itertools.repeat(None) if files.recomputed else _local(labels)
        )  # what is not kept stays on the device
        for index, label, row in zip(indices, read, _local(counts), strict=False):
            writing.append(pool.submit(files.write, index, label, row))
        while len(writing) > 2 * workers:
            writing.popleft().result()

    with ThreadPoolExecutor(workers) as pool:
        for batch in _batches(selected(target, missing), plan.mesh, threads):
            found = predict(_on_mesh(plan.mesh, batch["image"]))
            real = [missing[index] for index in batch["index"] if index >= 0]
            late.append((real, *labelled(plan, found, jnp.asarray(thresholds))))
            if len(late) > 1:
                finish()
            between()
        while late:
            finish()
        for written in writing:
            written.result()


def _batches(source: DataSource, mesh: Mesh, threads: int) -> Iterator[dict[str, Any]]:
    """This process's images, as many at a time as it has devices."""
    processes, own = jax.process_count(), jax.process_index()
    count = mesh.size // processes
    parts = data.evaluation_batches(
        source, count, threads=threads, process_index=own, process_count=processes
    )
    for batch in parts:
        check_one_size("target", *batch["image"].shape[1:3])
        yield batch


def _on_mesh(mesh: Mesh, array: np.ndarray) -> Array:
    return jax.make_array_from_process_local_data(NamedSharding(mesh, EACH), array)


def _local(array: Array) -> np.ndarray:
    """This process's rows of an array that is split over its first axis."""
    shards = sorted(array.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return np.concatenate([np.asarray(shard.data) for shard in shards])


def _wait_for_all(name: str) -> None:
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)
