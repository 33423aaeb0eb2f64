"""Checkpoints of a run: the training state and the position in the data, saved together by Orbax.

Saving is asynchronous and atomic: a checkpoint that was being written when the process died is ignored, and the last
complete one is restored, onto whatever mesh and however many processes there are. The position in the data is a number
of batches, the same in every process, so it is kept once.
"""

import contextlib
import gc
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from jax.sharding import Sharding

from jaxseg.data import BatchIterator
from jaxseg.errors import InputError
from jaxseg.methods import Method, State

KEEP = 2
"""Complete checkpoints that stay on disk."""

_FAILURES = (OSError, ValueError, KeyError, TypeError, RuntimeError)
"""What Orbax and what it calls raise where files cannot be written."""


def abstract_state(
    method: Method, step: int, size: tuple[int, int], sharding: Sharding | Callable[[Any], Any] | None = None
) -> State:
    """Shapes of the state as it is saved after `step` steps on images of `size`, without computing anything.

    `sharding` is where it all lies, or a function from a tree of shapes to a tree of where each lies.
    """
    last, _ = method.phase_at(max(step - 1, 0))

    def build() -> State:
        state = method.init(jax.numpy.zeros((), jax.numpy.int32), jax.numpy.zeros((1, *size, 3)))
        return method.begun(state, last)

    shapes = jax.eval_shape(build)
    if sharding is None or isinstance(sharding, Sharding):
        places: Any = jax.tree.map(lambda _: sharding, shapes)
    else:
        places = sharding(shapes)
    return jax.tree.map(
        lambda leaf, place: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), shapes, places
    )


def complete_steps(folder: Path) -> list[int]:
    """Steps of the complete checkpoints in a folder, in order; one that is being written has another name."""
    return sorted(int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit())


class Checkpoints:
    """The checkpoints in one folder.

    Args:
      folder: where they lie.
      write: whether they will be written: then the folder is made, and what an interrupted save left is deleted. One
        that only reads can be open beside one that writes.
    """

    def __init__(self, folder: Path, *, write: bool = True) -> None:
        self.folder = folder.absolute()
        if not write and not self.folder.is_dir():
            self._manager = None
            return
        options = (
            ocp.CheckpointManagerOptions(max_to_keep=KEEP, create=True, cleanup_tmp_directories=True)
            if write
            else ocp.CheckpointManagerOptions(read_only=True, create=False, save_interval_steps=0)
        )
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._manager is None:
            return
        # An error on its way out is told, and not what follows from it.
        with contextlib.suppress(*_FAILURES, InputError) if kind is not None else contextlib.nullcontext():
            self.wait()
            self._manager.close()

    @property
    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, in order."""
        return [] if self._manager is None else sorted(self._manager.all_steps())

    def latest(self) -> int | None:
        """Step of the last complete checkpoint, or None."""
        return max(self.steps, default=None)

    def candidates(self) -> list[int]:
        """Steps to go on from, the last first; several processes all take those that the first one sees."""
        steps = np.asarray(self.steps[::-1], np.int64)
        if jax.process_count() > 1:
            count = int(multihost_utils.broadcast_one_to_all(np.asarray(len(steps))))
            own = np.resize(steps, count) if len(steps) else np.zeros(count, np.int64)
            steps = np.asarray(multihost_utils.broadcast_one_to_all(own.astype(np.int32)))
        return [int(step) for step in steps]

    def save(self, step: int, state: State, data: BatchIterator | None) -> None:
        """Starts saving; the state may be donated to the next step at once.

        Raises:
          InputError: this checkpoint, or the one before it, cannot be written.
        """
        position = {} if data is None else data.get_state()
        items = ocp.args.Composite(state=ocp.args.StandardSave(state), data=ocp.args.JsonSave(position))
        with self._writing():
            self._opened.save(step, args=items)

    def wait(self) -> None:
        """Returns when everything started is on disk.

        Raises:
          InputError: it cannot be written.
        """
        with self._writing():
            self._opened.wait_until_finished()

    def restore(self, step: int, like: State, data: BatchIterator | None = None) -> State:
        """The state saved after `step` steps, shaped and placed like `like`; moves `data` to its position.

        Raises:
          InputError: the checkpoint is damaged, or does not fit `like`, so it belongs to another network or method.
        """
        place = Path(self._opened.directory) / str(step)
        items: dict[str, Any] = {"state": ocp.args.StandardRestore(like)}
        if data is not None:
            items["data"] = ocp.args.JsonRestore()
        found: Any = None
        failed: Exception | None = None
        try:
            found = _reader().restore(place, args=ocp.args.Composite(**items))
        except Exception as error:  # Orbax raises that itself where a part of an array cannot be read
            failed = error
        if not _all_hold(failed is None):
            told = str(failed).strip() or type(failed).__name__
            reason = "another process cannot read its part" if failed is None else told.splitlines()[0][:200]
            raise InputError(
                f"checkpoint {place} is damaged, or does not fit this network and method ({reason}); "
                "use the config that it was trained with, or delete that folder"
            ) from failed
        state: State = found["state"]
        if data is not None:
            data.set_state(found["data"])
        for (path, wanted), leaf in zip(
            jax.tree_util.tree_leaves_with_path(like), jax.tree.leaves(state), strict=True
        ):
            if (wanted.shape, wanted.dtype) != (leaf.shape, leaf.dtype):
                raise InputError(
                    f"checkpoint {self.folder / str(step)}: {jax.tree_util.keystr(path)} is {leaf.dtype}"
                    f"{list(leaf.shape)} and this network needs {wanted.dtype}{list(wanted.shape)}; "
                    "use the config that it was trained with"
                )
        return state

    def set_aside(self, step: int) -> Path:
        """Renames a damaged checkpoint, so that it counts no more and its step can be saved again."""
        place = self.folder / f"damaged-{step}"
        if jax.process_index() == 0:
            shutil.rmtree(place, ignore_errors=True)
            os.replace(self.folder / str(step), place)
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"checkpoint {step} set aside")
        self._opened.reload()
        return place

    @property
    def _opened(self) -> ocp.CheckpointManager:
        if self._manager is None:
            raise InputError(f"checkpoints: no folder {self.folder}; train the run first")
        return self._manager

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        reason = None
        try:
            yield
        except _FAILURES as error:
            reason = _reason(error)
        if reason is None:
            return
        _swept()
        if jax.process_index() == 0:
            self._clear()
        steps = complete_steps(self.folder)
        kept = f"the last complete one is step {steps[-1]}" if steps else "there is no complete one yet"
        raise InputError(
            f"checkpoint: cannot write to {self.folder} ({reason}); {kept}; "
            "free space or allow writing, and give the same command again"
        )

    def _clear(self) -> None:
        """Deletes what a failed save left; its writers may go on for a moment, and make again what is deleted."""
        quiet, deadline = 0, time.monotonic() + 10.0
        while quiet < 3 and time.monotonic() < deadline:
            left = list(self.folder.glob("*.orbax-checkpoint-tmp*"))
            for place in left:
                shutil.rmtree(place, ignore_errors=True)
            quiet = 0 if left else quiet + 1
            time.sleep(0.05)


def _reader() -> ocp.Checkpointer:
    """Reads for this process alone and waits for no other, so one that cannot read leaves none waiting for it."""
    own = jax.process_index()
    options = ocp.options.MultiprocessingOptions(
        primary_host=own, active_processes={own}, barrier_sync_key_prefix=f"process_{own}"
    )
    handler = ocp.CompositeCheckpointHandler(
        composite_options=ocp.CompositeOptions(multiprocessing_options=options),
        state=ocp.StandardCheckpointHandler(multiprocessing_options=options),
        data=ocp.JsonCheckpointHandler(multiprocessing_options=options),
    )
    return ocp.Checkpointer(handler, multiprocessing_options=options)


def _all_hold(fine: bool) -> bool:
    """Whether it is so in every process."""
    if jax.process_count() == 1:
        return fine
    return bool(np.all(multihost_utils.process_allgather(np.asarray(fine))))


def _reason(error: BaseException) -> str:
    """Why something failed, in one line: the system's own words where there are any.

    >>> _reason(ValueError("Failed to write 8 bytes to file 14: No space left on device [os_error_code='28']"))
    'No space left on device'
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        told = re.search(r": ([^:]+) \[os_error_code=", str(cause))
        if told:
            return told[1]
        cause = cause.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _swept() -> None:
    """Collects what a failed save left behind now and in silence: its writers complain as they are collected."""
    before = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = before
