"""A training step compiled for many chips, none of which is there: what each would compute, move, hold and exchange.

Parameters, images and devices exist as shapes alone: the host's CPU stands for as many devices as are wanted. How many
there are is settled when a process starts, so every program is compiled in a process of its own:

    python -m experiments.scaling.program '{"data": 8, "batch": 8}'

with the fields of a `Case`, and `JAX_NUM_CPU_DEVICES` set to the devices that it takes.
"""

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest.mock
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding

from experiments._command import run
from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD, ObjectiveMethod, Term
from jaxseg.models import Network, with_precision
from jaxseg.train import MeshShape, _program
from jaxseg.train._compiled import exchanges
from jaxseg.train._liveness import peak_bytes, traffic_bytes
from jaxseg.train.checkpoint import abstract_state
from jaxseg.train.mesh import batch_spec, replicated

CLASSES = 19
NETWORKS: Mapping[str, Callable[..., Network]] = {
    "compact": models.compact,
    "deeplab_v2": models.deeplab_v2,
    "deeplab_v3": models.deeplab_v3,
    "deeplab_v3_plus": models.deeplab_v3_plus,
}
"""The networks that can be asked for, as their constructors make them."""

_PARTITIONED = "*after_spmd-partitioning*"


@dataclasses.dataclass(frozen=True)
class Case:
    """What is compiled.

    Attributes:
      data: devices along the batch.
      space: devices along the image height.
      batch: images a step, over all devices.
      network: one of `NETWORKS`.
      size: height and width of the images.
      precision: what the network computes in.
      remat: blocks are computed again in the backward pass.
    """

    data: int = 1
    space: int = 1
    batch: int = 1
    network: str = "deeplab_v3"
    size: tuple[int, int] = (1024, 2048)
    precision: str = "bfloat16"
    remat: bool = False

    @property
    def devices(self) -> int:
        """How many devices share a step."""
        return self.data * self.space


class Traded(NamedTuple):
    """Collective operations that are alike.

    Attributes:
      kind: as in `jaxseg.train._compiled.COLLECTIVES`.
      what: `"gradient"` where it sums the gradient of a kernel, else `"other"`.
      devices: that take part in each.
      stride: from one of these to the next, among all devices; those of a host follow each other.
      bytes: of the results of all of them, on each device.
    """

    kind: str
    what: str
    devices: int
    stride: int
    bytes: int


class Sent(NamedTuple):
    """How many operations of a kind there are, among so many devices of such a stride."""

    kind: str
    devices: int
    stride: int
    operations: int


@dataclasses.dataclass(frozen=True)
class Counts:
    """What one device does in one step.

    Attributes:
      flops: operations that XLA counts in the compiled program.
      traffic: bytes moved between chip and memory, by `jaxseg.train._liveness.traffic_bytes`.
      compiled_traffic: bytes that the operations of the program compiled for the CPU move, as XLA counts them.
      state: bytes of parameters, statistics, optimiser and batch.
      temporary: bytes alive at once besides, by `jaxseg.train._liveness.peak_bytes`.
      compiled_temporary: bytes that the program compiled for the CPU asks for besides.
      parameters: how many the network has.
      traded: what devices exchange, in the partitioned program.
      sent: how many operations that takes, in the compiled program, which combines small ones.
    """

    flops: float
    traffic: int
    compiled_traffic: float
    state: int
    temporary: int
    compiled_temporary: int
    parameters: int
    traded: tuple[Traded, ...]
    sent: tuple[Sent, ...]


def compiled_counts(case: Case) -> Counts:
    """What a case counts, compiled in a process of its own.

    Raises:
      InputError: the compilation failed, with the last line that it said.
    """
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(case.devices)}
    command = [sys.executable, "-m", "experiments.scaling.program", json.dumps(dataclasses.asdict(case))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise InputError(f"{case} does not compile: {said[-1].removeprefix('error: ')}")
    return counts_of(json.loads(done.stdout))


def counts_of(record: Mapping[str, Any]) -> Counts:
    """Counts as they were written to JSON."""
    traded = tuple(Traded(*row) for row in record["traded"])
    sent = tuple(Sent(*row) for row in record["sent"])
    return Counts(**{**record, "traded": traded, "sent": sent})


def case_of(record: Mapping[str, Any]) -> Case:
    """A case as it was written to JSON.

    >>> case_of({"data": 8, "size": [512, 1024]}).size
    (512, 1024)
    """
    return Case(**{**record, "size": tuple(record.get("size", Case.size))})


def count(case: Case, network: Network | None = None) -> Counts:
    """Compiles a case in this process, which must have the devices, and counts; `network` stands for the named one.

    Networks choose between forms of a layer by the backend. They are told that it is an accelerator's, so the program
    is the one that chips would run, up to what their compiler makes of it.
    """
    if network is None:
        network = with_precision(NETWORKS[case.network](CLASSES, remat=case.remat), case.precision)
    network.validate(*case.size)
    method = ObjectiveMethod(
        network=network,
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=30_000,
        optimizer=SGD(),
    )
    with unittest.mock.patch.object(jax, "default_backend", return_value="accelerator"):
        whole, kernels = _traced(method, case)
        alone, _ = _traced(method, _share(case))
    lowered = whole.lower()
    with tempfile.TemporaryDirectory() as folder:
        # What is counted is settled before the machine code is made, which nobody runs.
        told: dict[str, Any] = {"xla_backend_optimization_level": 0}
        if case.devices > 1:
            told |= {"xla_dump_to": folder, "xla_dump_hlo_pass_re": "spmd-partitioning"}
        compiled = lowered.compile(compiler_options=told)
        texts = [path.read_text() for path in Path(folder).glob(_PARTITIONED)]
    cost, memory = compiled.cost_analysis(), compiled.memory_analysis()
    return Counts(
        flops=cost["flops"],
        traffic=traffic_bytes(alone.jaxpr.jaxpr),
        compiled_traffic=cost["bytes accessed"],
        state=memory.argument_size_in_bytes,
        temporary=peak_bytes(alone.jaxpr.jaxpr),
        compiled_temporary=memory.temp_size_in_bytes,
        parameters=sum(math.prod(shape) for shape in kernels),
        traded=tuple(traded("\n".join(texts), case.devices, kernels)),
        sent=tuple(sent(compiled.as_text(), case.devices)),
    )


def _share(case: Case) -> Case:
    """What one device has of a case, as a case for that device alone; the rows of its neighbours are left out."""
    height, width = case.size
    rows = -(-height // case.space)
    return dataclasses.replace(case, data=1, space=1, batch=case.batch // case.data, size=(rows, width))


def _traced(method: ObjectiveMethod, case: Case) -> tuple[Any, list[tuple[int, ...]]]:
    """The trainer's step traced on shapes, and the shapes of the parameters."""
    mesh = MeshShape(data=case.data, space=case.space).build(case.batch)

    def part(*shape: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, jnp.uint8, sharding=NamedSharding(mesh, batch_spec(len(shape))))

    batch = {"source": {"image": part(case.batch, *case.size, 3), "label": part(case.batch, *case.size)}}
    with jax.set_mesh(mesh):
        state = abstract_state(method, 0, case.size, replicated(mesh))
        traced = _program.step.trace(method, {}, None, state, batch, 0)
    return traced, [leaf.shape for leaf in jax.tree.leaves(state.params)]


def traded(program: str, devices: int, parameters: Iterable[tuple[int, ...]]) -> list[Traded]:
    """What the operations of a partitioned program exchange, those that are alike together.

    An all-reduce sums the gradient of a kernel if its sides, in any order and but for those of 1, are a kernel's.

    >>> text = "%a = bf16[4,8]{1,0} all-reduce(%b), replica_groups=[2,4]<=[8], to_apply=%add"
    >>> traded(text, 8, [(1, 1, 8, 4), (4,)])
    [Traded(kind='all-reduce', what='gradient', devices=4, stride=1, bytes=64)]
    """
    kernels = {_sides(shape) for shape in parameters if len(_sides(shape)) > 1}
    found: Counter[tuple[str, str, int, int]] = Counter()
    for line in program.splitlines():
        for kind, what in exchanges(line).items():
            gradient = kind == "all-reduce" and _sides(what.largest) in kernels
            found[kind, "gradient" if gradient else "other", *group(line, devices)] += what.bytes
    return [Traded(*key, size) for key, size in sorted(found.items())]


def sent(program: str, devices: int) -> list[Sent]:
    """How many collective operations a program has, by kind and by who takes part; on one device, none."""
    found: Counter[tuple[str, int, int]] = Counter()
    for line in program.splitlines() if devices > 1 else ():
        for kind in exchanges(line):
            found[kind, *group(line, devices)] += 1
    return [Sent(*key, number) for key, number in sorted(found.items())]


def _sides(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(side for side in shape if side > 1))


def group(line: str, devices: int) -> tuple[int, int]:
    """How many devices take part in a collective operation, as its line says, and from each the way to the next.

    A shift, from all to their neighbours, has two. Where the line names none, all take part.

    >>> group("replica_groups=mesh['a'=4,'b'=2] {'b'}, use", 8), group("replica_groups=mesh['a'=4,'b'=2] {'a'}, use", 8)
    ((2, 1), (4, 2))
    >>> group("replica_groups={{0,2,4,6},{1,3,5,7}}, to_apply", 8), group("replica_groups={}", 8)
    ((4, 2), (8, 1))
    >>> group("replica_groups=[2,4]<=[8]", 8), group("replica_groups=[2,4]<=[4,2]T(1,0)", 8)
    ((4, 1), (4, 2))
    """
    if "source_target_pairs" in line:
        return 2, 1
    if grouped := re.search(r"replica_groups=\[\d+,(\d+)\]<=\[([\d,]+)\](T\()?", line):
        return int(grouped[1]), int(grouped[2].split(",")[-1]) if grouped[3] else 1
    if listed := re.search(r"replica_groups=\{\{([\d,]+)\}", line):
        members = [int(member) for member in listed[1].split(",")]
        return len(members), members[1] - members[0] if len(members) > 1 else 1
    if meshed := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line):
        sides = {axis: int(side) for axis, side in re.findall(r"'(\w+)'=(\d+)", meshed[1])}
        axes, names = re.findall(r"'(\w+)'", meshed[2]), list(sides)
        after = names[max(names.index(axis) for axis in axes) + 1 :]
        return math.prod(sides[axis] for axis in axes), math.prod(sides[axis] for axis in after)
    return devices, 1


def main(arguments: Iterable[str]) -> int:
    """Compiles the case given as JSON and prints its counts as JSON."""
    (asked,) = arguments
    print(json.dumps(dataclasses.asdict(count(case_of(json.loads(asked))))))
    return 0


if __name__ == "__main__":
    run(main)
