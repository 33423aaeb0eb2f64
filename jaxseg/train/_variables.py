"""The variables that training starts from: of another run, or of a file of published weights."""

import dataclasses
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from jaxseg.errors import InputError
from jaxseg.methods import Method, State
from jaxseg.models import LinenNetwork, Network, pretrained
from jaxseg.train.checkpoint import Checkpoints, abstract_state
from jaxseg.train.experiment import Experiment
from jaxseg.train.mesh import MeshShape, replicated
from jaxseg.train.run import RunFolder


def drawing_size(network: Network) -> tuple[int, int]:
    """Height and width of the images that a network is drawn for where only the shapes of its arrays count."""
    side = max(64, network.minimum_size)
    return side, side


def variables_of(folder: RunFolder) -> tuple[int, dict[str, Any]]:
    """Step of a run's last checkpoint, and the network's variables there, on the host, `with_target`.

    Raises:
      InputError: the run has no checkpoint.
    """
    step, state = state_of(folder)
    method = folder.experiment().method
    return step, with_target(method, method.variables(state), method.phase_at(max(step - 1, 0))[0] + 1)


def with_target(method: Method, variables: Mapping[str, Any], phases: int) -> dict[str, Any]:
    """The network's variables after the first phases of a method, fit to predict the target.

    Where a network keeps statistics or layers for each domain and these phases read the source alone, those of the
    target are as they began. Then the source's take their place, as with published weights. Before the first phase all
    are as they were given, and stay.

    Args:
      method: whose network it is.
      variables: of the network.
      phases: how many phases it has behind it, or has begun.
    """
    network = method.network
    apart = isinstance(network, LinenNetwork) and (network.per_domain or network.takes_domain)
    trained = [index for index, phase in enumerate(method.phases[:phases]) if phase.steps]
    if not apart or {domain for index in trained for domain in method.reads(index)} != {"source"}:
        return dict(variables)
    return _as_the_source(variables)


def _as_the_source(tree: Any) -> Any:
    """A tree in which whatever is called `target`, or `target_` and so on, is what is called `source` beside it.

    >>> _as_the_source({"source": 1, "target": 2, "all": {"source_a": 3, "target_a": 4, "target_b": 5}})
    {'source': 1, 'target': 1, 'all': {'source_a': 3, 'target_a': 3, 'target_b': 5}}
    """
    if not isinstance(tree, Mapping):
        return tree
    twins = {name: re.sub("^target(?=_|$)", "source", name) for name in tree}
    return {name: _as_the_source(tree[twin if twin in tree else name]) for name, twin in twins.items()}


def state_of(folder: RunFolder) -> tuple[int, State]:
    """Step of a run's last checkpoint, and the whole state there, on the host.

    Raises:
      InputError: the run has no checkpoint.
    """
    method = folder.experiment().method
    with Checkpoints(folder.checkpoints, write=False) as checkpoints:
        latest = checkpoints.latest()
        if latest is None:
            raise InputError(f"run: {folder.path} has no complete checkpoint; train it first")
        like = abstract_state(method, latest, drawing_size(method.network), _on_host())
        return latest, jax.device_get(checkpoints.restore(latest, like))


def _on_host() -> jax.sharding.Sharding:
    """One device where there is one process, and every device where several restore together."""
    if jax.process_count() == 1:
        return jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return replicated(MeshShape(data=0).build(jax.device_count()))


def check_start(experiment: Experiment) -> None:
    """Looks at the run that an experiment would start from, so that what does not fit is told before anything is done.

    Raises:
      InputError: the run's network has other arrays or another normalisation, or the run was trained on other classes;
        the head is not looked at where it is not taken.
    """
    path = experiment.initialize
    if path is None or not path.is_dir():
        return
    if experiment.initialize_head:
        RunFolder(path).check_classes(
            experiment, "start with --no-initialize-head, whose classifier is drawn anew"
        )
    network, other = experiment.method.network, RunFolder(path).experiment().method.network
    if other == network:
        return
    if other.normalization != network.normalization:
        raise _other_normalization(network, path, other.normalization)
    without = () if experiment.initialize_head else network.head
    here, there = (_shapes(each, without) for each in (network, other))
    wrong = [
        f"{name} is {_shape(there.get(name))} there and {_shape(here.get(name))} here"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]
    if wrong:
        more = f"; and {len(wrong) - 2} more" if len(wrong) > 2 else ""
        raise InputError(
            f"initialize: the network of {path} is another one: {'; '.join(wrong[:2])}{more}; start from a run of this "
            "network, or give this experiment the network of that run"
        )


def _shapes(network: Network, without: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """The shape of every array of a network, by its name, but for those of a head."""
    key = jax.random.key(0)
    drawn = jax.eval_shape(lambda: network.init(key, jax.numpy.zeros((1, *drawing_size(network), 3))))
    if without:
        headless: dict[str, Any] = {"params": {}, "batch_stats": {}}
        drawn = pretrained.with_head(dataclasses.replace(network, head=without), drawn, headless)
    leaves = jax.tree_util.tree_leaves_with_path(drawn)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf.shape for path, leaf in leaves}


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"of shape {shape}"


def _other_normalization(network: Network, path: Path, wanted: Any) -> InputError:
    return InputError(
        f"initialize: the weights of {path} expect {wanted} and the network has {network.normalization}; set "
        "network.normalization to theirs"
    )


def given_variables(experiment: Experiment, path: Path, fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The variables to start from: those of a run's last checkpoint, or a file's put into fresh ones."""
    network = experiment.method.network
    if not path.is_file():
        variables = variables_of(RunFolder(path))[1]
        if experiment.initialize_head:
            return variables
        print(f"{path}: all but its head ({', '.join(network.head)}) is taken", file=sys.stderr)
        return pretrained.with_head(network, variables, fresh)
    loaded = pretrained.load(network, path, variables=fresh, head=experiment.initialize_head)
    if loaded.network.normalization != network.normalization:
        raise _other_normalization(network, path, loaded.network.normalization)
    print(f"{path}: {loaded.report}", file=sys.stderr)
    return loaded.variables
