"""Time and memory of MetaPix's meta step by depth, beside training steps and torch's double backward in the same run.

The network is a stack of 3x3 convolutions with ReLU at full size, the weighting network the paper's U-Net, both as wide
as the options say. A supervised step is forward, cross entropy, backward and Adam on the source alone; a joint step on
source and target. Temporary memory is the compiler's analysis of the step; on a GPU torch's peak above what it held is
told too. The PyTorch side is the same two networks, channels last, eager: `torch.compile` has no double backward.
"""

import dataclasses
import gc
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark import machine
from experiments.benchmark.timing import interleaved, median_ratio
from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import Adam, MetaPix, Method, ObjectiveMethod, Term
from jaxseg.models import LinenNetwork, Output
from jaxseg.models.layers import Conv

CLASSES = 19
RATE = 1e-4
META, JOINT = 1, 0
"""Phases of MetaPix."""


@dataclasses.dataclass(frozen=True)
class MetaSteps:
    """Time MetaPix's meta step by depth, and print the table."""

    depths: tuple[int, ...] = (6, 12, 24)
    """Convolutions of the segmentation network."""
    batch: int = 1
    """Images of each domain."""
    size: tuple[int, int] = (96, 192)
    """Height and width."""
    width: int = 32
    """Channels of the segmentation network."""
    weighting_width: int = 16
    """Channels of the U-Net's first block; 64 in the paper."""
    against: Literal["nothing", "torch"] = "nothing"
    """Also time equal PyTorch networks."""
    rounds: int = 11
    """Rounds at most; the median is reported."""
    seconds: float = 60.0
    """Time after which no new round of a depth begins."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


class Stack(nn.Module):
    """`depth` 3x3 convolutions with ReLU, and scores."""

    depth: int
    width: int

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        """Scores at the image's size."""
        x = image
        for layer in range(self.depth):
            x = nn.relu(Conv(self.width, (3, 3), use_bias=True, name=f"layer{layer}")(x))
        return Output(logits=Conv(CLASSES, use_bias=True, name="head")(x))


def methods(depth: int, options: MetaSteps) -> dict[str, tuple[Method, int]]:
    """The steps to time by name: a method, and its phase."""
    network = LinenNetwork(CLASSES, module=Stack(depth, options.width))
    meta = MetaPix(
        network=network,
        weighting=models.unet_weights(CLASSES, width=options.weighting_width),
        joint_steps=1,
        meta_steps=1,
        weighted_steps=1,
        generations=1,
        optimizer=Adam(learning_rate=RATE),
        inner_rate=RATE,
    )
    objective = {"source": Term(losses.SoftmaxCrossEntropy())}
    alone = ObjectiveMethod(network=network, objective=objective, steps=1, optimizer=Adam(learning_rate=RATE))
    return {
        "supervised": (alone, 0),
        "joint": (meta, JOINT),
        "grad": (meta, META),
        "jvp": (dataclasses.replace(meta, hypergradient="jvp"), META),
    }


def run_metapix(options: MetaSteps) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked.

    Raises:
      InputError: an option is out of range, or torch is asked for and not installed.
    """
    if not options.depths or min(options.depths) < 1:
        raise InputError(f"depths: {options.depths}; name at least one, each at least 1")
    if min(options.rounds, options.batch, options.width, options.weighting_width) < 1:
        raise InputError("rounds, batch, width, weighting-width: each is at least 1")
    if min(options.size) < 16:
        raise InputError(f"size: {options.size}; the weighting network needs at least 16x16")
    where = machine.facts()
    print(machine.heading(where))
    height, width = options.size
    print(
        f"{options.batch} of {height}x{width} a domain, {options.width} channels, U-Net of {options.weighting_width}, "
        f"medians of up to {options.rounds} rounds\n"
    )
    rows: dict[str, Any] = {}
    for depth in options.depths:
        rows[str(depth)] = row = measure(depth, options)
        if len(rows) == 1:
            print(_header("torch meta" in row["milliseconds"]))
        print(_line(depth, row), flush=True)
        settings = dataclasses.asdict(dataclasses.replace(options, out=None))
        machine.write(options.out, {"machine": where, "settings": settings, "metapix": rows})
        gc.collect()


def measure(depth: int, options: MetaSteps) -> dict[str, Any]:
    """Milliseconds, temporary megabytes and ratios of the steps at one depth."""
    batch = _batch(options)
    contenders: dict[str, Callable[[], Any]] = {}
    memory: dict[str, float | None] = {}
    parameters: dict[str, int] = {}
    for name, (method, phase) in methods(depth, options).items():
        fresh = _state(method, phase, options.size)
        given = jax.tree.map(jnp.asarray, batch)
        compiled = jax.jit(type(method).step, static_argnums=3).lower(method, fresh, given, phase).compile()
        analysis = compiled.memory_analysis()
        memory[name] = None if analysis is None else round(analysis.temp_size_in_bytes / 1e6, 2)
        contenders[name] = _once(compiled, method, fresh, given)
        if name == "grad":
            parameters = {
                each: sum(leaf.size for leaf in jax.tree.leaves(leaves))
                for each, leaves in fresh.params.items()
            }
    if options.against == "torch":
        made, peaks = _torch(depth, options, batch, parameters)
        contenders |= made
    times = interleaved(contenders, rounds=options.rounds, seconds=options.seconds)
    if options.against == "torch":
        memory |= peaks()
    pairs = [("grad", "supervised"), ("jvp", "supervised"), ("grad", "joint"), ("jvp", "grad")]
    if "torch meta" in contenders:
        pairs += [("grad", "torch meta"), ("jvp", "torch meta"), ("torch meta", "torch supervised")]
    return {
        "parameters": parameters,
        "rounds": len(times["grad"]),
        "milliseconds": {name: round(statistics.median(found), 3) for name, found in times.items()},
        "temporary_megabytes": memory,
        "ratio": {f"{a} / {b}": round(median_ratio(times, a, b), 3) for a, b in pairs},
    }


def _batch(options: MetaSteps) -> dict[str, dict[str, np.ndarray]]:
    rng, shape = np.random.default_rng(0), (options.batch, *options.size)

    def part() -> dict[str, np.ndarray]:
        image = rng.uniform(0, 255, (*shape, 3)).astype(np.float32)
        label = rng.integers(0, CLASSES, shape).astype(np.uint8)
        return {"image": image, "label": label, "valid": np.ones(shape, bool)}

    return {"source": part(), "target": part()}


def _state(method: Method, phase: int, size: tuple[int, int]) -> Any:
    return jax.jit(lambda: method.begin(method.init(jnp.int32(0), jnp.zeros((1, *size, 3))), phase))()


def _once(compiled: Any, method: Method, state: Any, batch: Any) -> Callable[[], Any]:
    return lambda: jax.block_until_ready(compiled(method, state, batch))


def _torch(
    depth: int,
    options: MetaSteps,
    batch: Mapping[str, Mapping[str, np.ndarray]],
    parameters: Mapping[str, int],
) -> tuple[dict[str, Callable[[], Any]], Callable[[], dict[str, float]]]:
    try:
        import torch  # noqa: F401
    except ImportError:
        raise InputError("against: torch is not installed; pip install -e '.[torch]'") from None
    from experiments.benchmark import torch_metapix

    device = "cuda" if jax.default_backend() == "gpu" and torch_metapix.has_gpu() else "cpu"
    sizes = {"depth": depth, "width": options.width, "weighting_width": options.weighting_width}
    steps = torch_metapix.Steps(classes=CLASSES, rate=RATE, batch=batch, device=device, **sizes)
    found = steps.parameters()
    if found != parameters:
        raise RuntimeError(
            f"depth {depth}: parameters {parameters} here and {found} in torch; they must be equal"
        )
    return {"torch supervised": steps.supervised, "torch meta": steps.meta}, steps.peaks


def _header(torch: bool) -> str:
    columns = ["depth", "supervised ms", "joint ms", "meta: grad ms", "meta: jvp ms"]
    columns += ["MB: supervised, grad, jvp", "jvp / grad, MB"]
    columns += ["torch supervised ms", "torch meta ms", "grad / torch meta"] if torch else []
    return "| " + " | ".join(columns) + " |\n|---" + "|---:" * (len(columns) - 1) + "|"


def _line(depth: int, row: Mapping[str, Any]) -> str:
    ms, mb, ratio = row["milliseconds"], row["temporary_megabytes"], row["ratio"]
    cells = [str(depth), f"{ms['supervised']:.1f}", f"{ms['joint']:.1f}"]
    cells += [f"{ms[name]:.1f} ({ratio[f'{name} / supervised']:.2f}x supervised)" for name in ("grad", "jvp")]
    known = mb["grad"] is not None and mb["jvp"] is not None
    cells.append(", ".join(f"{mb[name]:.1f}" for name in ("supervised", "grad", "jvp")) if known else "")
    cells.append(f"{mb['jvp'] / mb['grad']:.2f}" if known else "")
    if "torch meta" in ms:
        cells += [
            f"{ms['torch supervised']:.1f}",
            f"{ms['torch meta']:.1f}",
            f"{ratio['grad / torch meta']:.2f}",
        ]
    return "| " + " | ".join(cells) + " |"
