"""The variables that training starts from: of another run, or of a file of published weights."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxseg.errors import InputError
from jaxseg.methods import State
from jaxseg.models import pretrained
from jaxseg.train.checkpoint import Checkpoints, abstract_state
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import MeshShape, replicated
from jaxseg.train.run import RunFolder


def variables_of(folder: RunFolder) -> tuple[int, dict[str, Any]]:
    """Step of a run's last checkpoint, and the network's variables there, on the host.

    Raises:
      InputError: the run has no checkpoint.
    """
    step, state = state_of(folder)
    return step, folder.experiment().method.variables(state)


def state_of(folder: RunFolder) -> tuple[int, State]:
    """Step of a run's last checkpoint, and the whole state there, on the host.

    Raises:
      InputError: the run has no checkpoint.
    """
    experiment = folder.experiment()
    with Checkpoints(folder.checkpoints, write=False) as checkpoints:
        latest = checkpoints.latest()
        if latest is None:
            raise InputError(f"run: {folder.path} has no complete checkpoint; train it first")
        like = abstract_state(experiment.method, latest, (64, 64), _on_host())
        return latest, jax.device_get(checkpoints.restore(latest, like))


def _on_host() -> jax.sharding.Sharding:
    """One device where there is one process, and every device where several restore together."""
    if jax.process_count() == 1:
        return jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return replicated(MeshShape(data=0).build(jax.device_count()))


def given_variables(experiment: Experiment, path: Path, fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The variables to start from: those of a run's last checkpoint, or a file's put into fresh ones."""
    if not path.is_file():
        return variables_of(RunFolder(path))[1]
    network = experiment.method.network
    loaded = pretrained.load(network, path, variables=fresh, head=experiment.initialize_head)
    if loaded.network.normalization != network.normalization:
        raise InputError(
            f"initialize: the weights of {path} expect {loaded.network.normalization} and the network has "
            f"{network.normalization}; set network.normalization to theirs"
        )
    print(f"{path}: {loaded.report}", file=sys.stderr)
    return loaded.variables
