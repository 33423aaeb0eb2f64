"""Several processes that train one run together, on one machine or on many: how they find each other, how they end.

Every process runs the same command. Where a cluster says how many there are (SLURM, Open MPI, TPU pods), JAX finds them
by itself; elsewhere the options name the first one. On CPUs they talk through gloo.
"""

import contextlib
import dataclasses
import os
import re
import traceback
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxseg.errors import InputError
from jaxseg.train._lifeline import Lifeline, gone

_CLUSTERS = (
    ("SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS"),
    ("OMPI_MCA_orte_hnp_uri", "OMPI_COMM_WORLD_SIZE"),
)
"""By cluster: a variable that is set only where it started this process, and the one with the number of processes."""

_POD = ("TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES")
"""Variables that list the workers of a TPU pod, on GKE."""

_UNREACHED = re.compile(r"UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|heartbeat|[Gg]loo|NCCL|[Cc]onnection")
"""Words of an error that comes of another process being gone."""


@dataclasses.dataclass(frozen=True)
class Distributed:
    """Several processes that train together; all give the same command.

    Attributes:
      coordinator: address of the first process, host:port; in SLURM, under Open MPI and on GKE it is found.
      processes: how many processes there are.
      process: which one this is, from 0.
      cluster: let JAX find the others where nothing in the environment tells of them, as on Cloud TPU pods.
      heartbeat: seconds of silence after which a process counts as dead, and the others end.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None
    cluster: bool = False
    heartbeat: int = 30

    def start(self) -> bool:
        """Joins the other processes, where there are any; returns whether there are. Call it before anything computes.

        Raises:
          InputError: the options do not go together, or the others cannot be reached.
        """
        given = (self.coordinator, self.processes, self.process)
        if self.coordinator is None and given != (None, None, None):
            raise InputError(
                "distributed: processes and process need --distributed.coordinator, host:port of the first process"
            )
        if self.coordinator is not None and None in given:
            raise InputError(
                "distributed: a coordinator needs --distributed.processes, how many there are, and "
                "--distributed.process, which one this is"
            )
        if self.heartbeat < 1:
            raise InputError(f"distributed.heartbeat: {self.heartbeat}; it is at least 1 second")
        if not (self.coordinator or self.cluster or in_cluster()):
            return False
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        try:
            jax.distributed.initialize(*given, heartbeat_timeout_seconds=self.heartbeat)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise InputError(
                f"distributed: the other processes cannot be reached ({reason}); check the host and port, "
                "and that every process was started"
            ) from error
        return True

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Joins the other processes and trains with them; one that fails or dies ends all, each with one line.

        With one process, nothing is changed.
        """
        if not self.start() or jax.process_count() == 1:
            yield
            return
        lifeline = Lifeline(self.coordinator.rpartition(":")[0] if self.coordinator else None)
        try:
            yield
            lifeline.close()
        except (Exception, KeyboardInterrupt) as error:
            lifeline.end(*_told_as(error))


def in_cluster() -> bool:
    """Whether the environment says that this is one of several processes.

    An interactive shell inside an allocation is not: there, nothing has started the others.
    """
    for started, count in _CLUSTERS:
        if started in os.environ and int(os.environ.get(count, "1")) > 1:
            return True
    return any("," in os.environ.get(name, "") for name in _POD)


def is_first() -> bool:
    """Whether this is the process that writes and prints: the first, or the only one."""
    return jax.process_index() == 0


def first_says(flags: Sequence[bool]) -> list[bool]:
    """What the first process says, in all of them."""
    if jax.process_count() == 1:
        return list(flags)
    return [bool(flag) for flag in multihost_utils.broadcast_one_to_all(np.asarray(flags))]


def check_one_size(what: str, height: int, width: int) -> None:
    """Raises `InputError`, in all processes, where the images that they hold of one batch are of different sizes."""
    if jax.process_count() == 1:
        return
    sizes = np.asarray(multihost_utils.process_allgather(np.asarray([height, width])))
    if (sizes != sizes[0]).any():
        shown = " and ".join(f"{w}x{h}" for h, w in np.unique(sizes, axis=0)[:2])
        raise InputError(
            f"{what}: images of different sizes in one batch of several processes ({shown}); set the data set's resize "
            "(height width) to bring them to one size, or use one process"
        )


def _told_as(error: BaseException) -> tuple[str, int]:
    """The line, or the traceback of what is a mistake of ours, and the exit status, of a process that fails."""
    if isinstance(error, InputError):
        return f"error: {error}", 2
    if isinstance(error, OSError):
        return f"error: {error.strerror or error}: {error.filename}", 2
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, jax.errors.JaxRuntimeError) and _UNREACHED.search(str(error)):
        return gone(reason=str(error).strip().splitlines()[0][:200]), 1
    return "".join(traceback.format_exception(error)), 1
