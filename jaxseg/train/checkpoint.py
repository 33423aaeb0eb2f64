"""Checkpoints of a run: the training state and the position in the data, saved together by Orbax.

Saving is asynchronous and atomic: a checkpoint that was being written when the process died is ignored, and the last
complete one is restored, onto whatever mesh the process has.
"""

from pathlib import Path
from typing import Any

import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from jax.sharding import Sharding

from jaxseg.errors import InputError
from jaxseg.methods import Method, State

KEEP = 2
"""Complete checkpoints that stay on disk."""


def abstract_state(
    method: Method, step: int, size: tuple[int, int], sharding: Sharding | None = None
) -> State:
    """Shapes of the state as it is saved after `step` steps on images of `size`, without computing anything."""
    phase, _ = method.phase_at(max(step - 1, 0))

    def build() -> State:
        seed = jax.numpy.zeros((), jax.numpy.int32)
        return method.begin(method.init(seed, jax.numpy.zeros((1, *size, 3))), phase)

    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), jax.eval_shape(build)
    )


class Checkpoints:
    """The checkpoints in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=KEEP, create=True, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(self.folder, options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.wait_until_finished()
        self._manager.close()

    def latest(self) -> int | None:
        """Step of the last complete checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State, data: Any) -> None:
        """Starts saving; `data` is the Grain iterator. The state may be donated to the next step at once."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state), data=grain.checkpoint.CheckpointSave(data)
            ),
        )

    def wait(self) -> None:
        """Returns when everything started is on disk."""
        self._manager.wait_until_finished()

    def restore(self, step: int, like: State, data: Any = None) -> State:
        """The state saved after `step` steps, shaped and placed like `like`; moves `data` to its position.

        Raises:
          InputError: the checkpoint does not fit `like`, so it belongs to another network or method.
        """
        items: dict[str, Any] = {"state": ocp.args.StandardRestore(like)}
        if data is not None:
            items["data"] = grain.checkpoint.CheckpointRestore(data)
        try:
            state: State = self._manager.restore(step, args=ocp.args.Composite(**items))["state"]
        except (ValueError, KeyError, TypeError) as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise InputError(
                f"checkpoint {self.folder / str(step)} does not fit this network and method ({reason}); "
                "use the config that it was trained with"
            ) from error
        for (path, wanted), found in zip(
            jax.tree_util.tree_leaves_with_path(like), jax.tree.leaves(state), strict=True
        ):
            if (wanted.shape, wanted.dtype) != (found.shape, found.dtype):
                raise InputError(
                    f"checkpoint {self.folder / str(step)}: {jax.tree_util.keystr(path)} is {found.dtype}"
                    f"{list(found.shape)} and this network needs {wanted.dtype}{list(wanted.shape)}; "
                    "use the config that it was trained with"
                )
        return state
