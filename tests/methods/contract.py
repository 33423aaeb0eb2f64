"""What every training method must do: the same on many devices as on one, and after a kill as without one."""

import io
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np

from jaxseg.methods import Method, State
from jaxseg.train import Experiment, MeshShape, RunFolder, checkpoint, train
from tests.tiny import Blocks

MESHES = (MeshShape(data=8), MeshShape(data=1, space=8), MeshShape(data=2, space=4))


def run(folder: Path, method: Method, **fields: Any) -> tuple[State, RunFolder]:
    """The state after all of the method's steps on 8x16 blocks, and the run folder."""
    values: dict[str, Any] = {
        "name": "contract",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": method,
        "batch": 8,
        "mesh": MeshShape(data=1),
        "checkpoint_every": 1,
    }
    experiment = Experiment(**(values | fields))
    source = folder.parent / f"{folder.name}.py"
    source.write_text("")
    opened = RunFolder(folder)
    opened.open(experiment, source, [])
    with mock.patch.object(checkpoint, "KEEP", 100):
        return train(experiment, opened, stream=io.StringIO()), opened


def check_meshes(folder: Path, method: Method, meshes: tuple[MeshShape, ...] = MESHES, **fields: Any) -> None:
    """Eight devices, splitting the batch, the height or both, end with the state of one device, to 1e-5."""
    expected, _ = run(folder / "one", method, **fields)
    for index, mesh in enumerate(meshes):
        found, _ = run(folder / f"mesh{index}", method, mesh=mesh, **fields)
        for x, y in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6, err_msg=str(mesh))


def check_resumed(folder: Path, method: Method, after: tuple[int, ...], **fields: Any) -> None:
    """A run that lost everything after any of these steps and was started again ends with the same bits."""
    expected, whole = run(folder / "whole", method, **fields)
    for step in after:
        cut = folder / f"cut{step}"
        shutil.copytree(whole.path, cut)
        for saved in (cut / "checkpoints").iterdir():
            if saved.name.isdigit() and int(saved.name) > step:
                shutil.rmtree(saved)
        assert (cut / "checkpoints" / str(step)).is_dir(), f"no checkpoint of step {step} was kept"
        found, _ = run(cut, method, **fields)
        jax.tree.map(np.testing.assert_array_equal, expected, found)
