"""Where a run's metrics are shown while it trains, beside its own file: TensorBoard, Weights & Biases.

Both packages are optional, and imported only when they are asked for. `metrics.jsonl` stays the record: a tracker is
given every line that goes into it.
"""

import contextlib
import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxseg.errors import InputError
from jaxseg.train.run import RunFolder

PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}


class TensorBoard:
    """Event files in `RUN/tensorboard`; of a run that goes on, what was logged after its checkpoint is taken back."""

    def __init__(self, folder: RunFolder) -> None:
        self._writers = _package("tensorboard").SummaryWriter
        self._place = folder.path / "tensorboard"
        self._writer: Any = None

    def __call__(self, line: Mapping[str, Any]) -> None:
        """Takes one line of the metrics."""
        if self._writer is None:
            self._writer = self._writers(str(self._place), purge_step=line["step"])
        for name, value in scalars(line).items():
            self._writer.add_scalar(name, value, line["step"])

    def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases:
    """A run of the project `jaxseg`, the same one when the run goes on; `WANDB_MODE=offline` needs no account."""

    def __init__(self, folder: RunFolder) -> None:
        wandb, record = _package("wandb"), folder.record()
        self._run = wandb.init(
            project="jaxseg",
            group=record["name"],
            name=f"{record['name']}-seed{record['seed']}",
            id=hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()[:16],
            resume="allow",
            dir=str(folder.path),
            config=record["resolved"],
        )

    def __call__(self, line: Mapping[str, Any]) -> None:
        """Takes one line of the metrics."""
        self._run.log(scalars(line), step=line["step"])

    def close(self) -> None:
        """Ends the run there."""
        self._run.finish()


TRACKERS: Mapping[str, type[TensorBoard] | type[WeightsAndBiases]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
}


@contextlib.contextmanager
def tracked(folder: RunFolder, kinds: Sequence[str]) -> Iterator[None]:
    """While it is entered, the lines that a run folder logs go to trackers too.

    Args:
      folder: of a run that is open.
      kinds: `"tensorboard"`, `"wandb"`, both or none.

    Raises:
      InputError: a package is not installed.
    """
    with contextlib.ExitStack() as stack:
        for kind in dict.fromkeys(kinds):
            tracker = TRACKERS[kind](folder)
            stack.callback(tracker.close)
            folder.trackers.append(tracker)
            stack.callback(folder.trackers.remove, tracker)
        yield


def scalars(line: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a line of the metrics, by names with slashes; a score's begin with what it is of.

    >>> scalars({"kind": "train", "step": 3, "loss": 0.5, "terms": {"source": 0.5}, "phase": "train"})
    {'train/loss': 0.5, 'train/terms/source': 0.5}
    >>> scalars({"kind": "evaluation", "step": 3, "on": "streets/val", "mean_iou": 0.4, "iou": {"bus": None}})
    {'streets/val/mean_iou': 0.4}
    """
    return dict(_numbers(str(line.get("on", line["kind"])), {k: v for k, v in line.items() if k != "step"}))


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _numbers(f"{name}/{key}", item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, float(value)


def check_trackers(kinds: Sequence[str]) -> None:
    """Raises `InputError` where the package of a tracker is not installed."""
    for kind in kinds:
        _package(kind)


def _package(kind: str) -> Any:
    name = PACKAGES[kind]
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"track: {kind} needs the package {name}; install it with pip install -e '.[{kind}]'"
        ) from None
