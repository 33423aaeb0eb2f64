"""Batches for the device: Grain pipelines that decode ahead, resume exactly, and are the same for any thread count.

The same functions serve supervised training (one domain), adaptation (source and target) and classification, whose
labels are one number an image.
"""

import functools
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxseg.data._sampling import Order, RareClasses, Shuffled
from jaxseg.data.dataset import DataSource
from jaxseg.errors import InputError
from jaxseg.labels import VOID

Batch = dict[str, dict[str, np.ndarray]]

LABELS = ("label", "targets")
"""What an example may be labelled by: train ids or a class, or a soft label, uint8 [H, W, C] in steps of 1/255."""


@runtime_checkable
class BatchIterator(Protocol):
    """A Grain `DatasetIterator`: batches without end, and a position that can be saved and set."""

    def __next__(self) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def get_state(self) -> dict[str, Any]:
        """The position, plain JSON: that of the next batch to come out, whatever has been read ahead."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Moves to a position, forwards or back."""


def batches(
    sources: Mapping[str, DataSource],
    batch: int,
    *,
    seed: int,
    threads: int = 2,
    process_index: int = 0,
    process_count: int = 1,
    sampling: Mapping[str, RareClasses] | None = None,
) -> BatchIterator:
    """Training batches of one or more domains, without end, decoded ahead in threads.

    Each domain is shuffled anew in each epoch, by a seed that is hashed from `seed` and the domain's name, so the
    order of the source does not depend on whether there is a target. Epochs follow each other without a seam: a batch
    may end one and begin the next, nothing is dropped, and a batch larger than the data set holds images twice.

    A domain named in `sampling` has another order instead: rare-class sampling, with replacement and without epochs.

    Across processes, step t takes the images t B .. (t + 1) B of that order, B = `batch` times `process_count`, and
    process i the i-th part of them. So the shards are disjoint, together they are the epoch, and the global batch
    put together from them is the one that a single process would have had.

    Args:
      sources: examples by domain, as `{"source": CamVid(...).source("train")}`.
      batch: images per domain that this process gets in a step.
      seed: any integer.
      threads: how many decode; 0 decodes when asked. Batches do not depend on it.
      process_index: which process this is.
      process_count: how many there are.
      sampling: rare-class sampling of some domains, by domain; it counts their labels first.

    Returns:
      Iterator of `{domain: {"image": uint8 [B, H, W, 3], "label": uint8 [B, H, W]}}`; in classification labels are
      int32 [B]; soft labels are `"targets"`, uint8 [B, H, W, C]. `get_state` and `set_state` resume it
      exactly; `grain.checkpoint.CheckpointSave` takes it.

    Raises:
      InputError: no examples, a batch below 1, sampling of a domain that is not there or cannot be sampled so, or
        (when a batch is made) images of different sizes.

    >>> source = [{"image": np.full((2, 2, 3), i, np.uint8), "label": np.zeros((2, 2), np.uint8)} for i in range(4)]
    >>> iterator = batches({"source": source}, batch=2, seed=0)
    >>> first, second = next(iterator), next(iterator)
    >>> sorted(part["source"]["image"][i, 0, 0, 0].item() for part in (first, second) for i in range(2))
    [0, 1, 2, 3]
    """
    import grain

    _check(batch, threads, process_index, process_count)
    if not sources:
        raise InputError("sources: none given; give at least one domain")
    sampling = sampling or {}
    unknown = [domain for domain in sampling if domain not in sources]
    if unknown:
        raise InputError(f"sampling: there is no domain {unknown[0]!r}; use {' or '.join(sources)}")
    streams = {}
    for domain, source in sources.items():
        if not len(source):
            raise InputError(f"{domain}: no images")
        order = (
            sampling[domain].order(source, seed, domain, threads)
            if domain in sampling
            else Shuffled(len(source), seed, domain)
        )
        examples = grain.MapDataset.range(sys.maxsize).map(functools.partial(_ordered, source, order))
        parts = examples.batch(batch, drop_remainder=True, batch_fn=functools.partial(_stack, domain))
        streams[domain] = parts[process_index::process_count]
    steps = grain.MapDataset.range(min(len(stream) for stream in streams.values()))
    together = steps.map(lambda step: {domain: stream[step] for domain, stream in streams.items()})
    return _read_ahead(together, threads)


def evaluation_batches(
    source: DataSource, batch: int, *, threads: int = 2, process_index: int = 0, process_count: int = 1
) -> Iterator[dict[str, Any]]:
    """The examples of a split once, in order, in batches of one size.

    The last batch is padded with black images, labels that are void everywhere, ids "" and indices -1, so that metrics
    which skip void pixels need not know. Where images that would share a batch differ in size, there is a padded batch
    of each size in its place. With more processes, step t takes images t B .. (t + 1) B, B = `batch` times
    `process_count`, process i the i-th part of them; all processes get equally many batches.

    Args:
      source: the examples.
      batch: images in a batch.
      threads: how many decode ahead; 0 decodes when asked.
      process_index: which process this is.
      process_count: how many there are.

    Returns:
      Iterator of `{"image": uint8 [B, H, W, 3], "label": uint8 [B, H, W], "id": list of B strings, "index": list of B
      positions in `source`}`; in classification labels are int32 [B], 255 where padded.

    Raises:
      InputError: no examples, a batch below 1, or (when a batch is made, with more processes) images of different
        sizes in one batch.

    >>> source = [{"image": np.ones((2, 2, 3), np.uint8), "label": np.zeros((2, 2), np.uint8), "id": f"image{i}"}
    ...           for i in range(3)]
    >>> [part["id"] for part in evaluation_batches(source, 2)]
    [['image0', 'image1'], ['image2', '']]
    """
    import grain

    _check(batch, threads, process_index, process_count)
    count = len(source)
    if not count:
        raise InputError("evaluation: no images")

    def load(part: int) -> list[dict[str, Any]]:
        first = part * batch
        of_size: dict[Any, list[Mapping[str, Any]]] = {}
        for index in range(first, min(first + batch, count)):
            row = source[index]
            # Processes take their steps together, so each has one batch a step.
            size = row["image"].shape if process_count == 1 else None
            of_size.setdefault(size, []).append({**row, "index": index})
        return [_padded(rows, batch) for rows in of_size.values()] or [_padded([], batch, like=source[0])]

    steps = -(-count // (batch * process_count))
    parts = grain.MapDataset.range(steps * process_count).map(load)
    return itertools.chain.from_iterable(_read_ahead(parts[process_index::process_count], threads))


def _padded(
    rows: Sequence[Mapping[str, Any]], batch: int, like: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A batch of evaluation: the rows, and what metrics skip for those that are missing."""
    like = like or rows[0]
    nothing = {
        "image": np.zeros_like(like["image"]),
        "label": np.full_like(like["label"], VOID),
        "id": "",
        "index": -1,
    }
    full = [*rows, *[nothing] * (batch - len(rows))]
    return {**_stack("evaluation", full), **{name: [row[name] for row in full] for name in ("id", "index")}}


def _ordered(source: DataSource, order: Order, position: int) -> Any:
    return source[order(position)]


def _stack(domain: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    first = rows[0]
    for row in rows:
        if row["image"].shape != first["image"].shape:
            shapes = [f"{shape[1]}x{shape[0]}" for shape in (first["image"].shape, row["image"].shape)]
            raise InputError(
                f"{domain}: images of different sizes in one batch ({first.get('id', 'the first')} is {shapes[0]}, "
                f"{row.get('id', 'another')} {shapes[1]}); set the data set's resize (height width) to bring them to "
                "one size, or use a batch of 1"
            )
        for name in LABELS:
            if name in row and np.ndim(row[name]) and row[name].shape[:2] != row["image"].shape[:2]:
                raise InputError(
                    f"{domain}: the label of {row.get('id', 'an image')} is {row[name].shape}, its image "
                    f"{row['image'].shape[:2]}; they must be of one height and width"
                )
    stacked = {"image": np.stack([row["image"] for row in rows])}
    for name in LABELS:
        if name in first:
            stacked[name] = np.stack(
                [row[name] if np.ndim(row[name]) else np.int32(row[name]) for row in rows]
            )
    return stacked


def _read_ahead(parts: Any, threads: int) -> BatchIterator:
    """Whole batches are made by single threads, so their content cannot depend on how many threads there are."""
    import grain

    options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
    return iter(parts.to_iter_dataset(options))


def _check(batch: int, threads: int, process_index: int, process_count: int) -> None:
    if batch < 1:
        raise InputError(f"batch: {batch}; it is at least 1")
    if threads < 0:
        raise InputError(f"threads: {threads}; it is at least 0")
    if not 0 <= process_index < process_count:
        raise InputError(
            f"process_index: {process_index} of {process_count} processes; it is 0 to process_count - 1"
        )
