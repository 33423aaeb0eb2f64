"""Forward and training speed of the networks, with equal PyTorch networks in the same run.

A training step is forward, cross entropy at the image's size, backward and SGD with momentum, on one batch that lies on
the device. The PyTorch side is the same network with the same number of parameters, channels last, eager and compiled.
"""

import dataclasses
import functools
import gc
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark import machine
from experiments.benchmark.timing import interleaved, median_ratio
from jaxseg import losses, models
from jaxseg.errors import InputError
from jaxseg.methods import SGD
from jaxseg.models import Network

CLASSES = 19
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
SIZES: dict[str, tuple[int, int, int]] = {
    "compact": (4, 128, 256),
    "enet": (4, 180, 240),
    "segnet": (2, 96, 128),
    "fcn8s": (1, 128, 256),
    "deeplab_v2": (1, 97, 97),
    "deeplab_v3": (2, 97, 97),  # with one image torch refuses to normalise what is pooled from all of it
}
"""Networks and what a CPU does in seconds: images, height, width (ours)."""
NO_TWIN = ("compact",)


@dataclasses.dataclass(frozen=True)
class Models:
    """Time the networks, forward and in training, and print the table."""

    only: tuple[str, ...] = ()
    """Networks to time; all by default."""
    batch: int | None = None
    """Images; by default a few, by network."""
    size: tuple[int, int] | None = None
    """Height and width; by default small, by network."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the computation; parameters are float32."""
    against: Literal["nothing", "torch"] = "nothing"
    """Also time equal PyTorch networks, eager and compiled."""
    rounds: int = 11
    """Rounds at most; the median is reported."""
    seconds: float = 30.0
    """Time after which no new round of a network begins."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


def network(name: str, dtype: Any) -> Network:
    """The network of a name, as it is timed: ENet without its dropout, as PyTorch's is written here."""
    makers: Mapping[str, Callable[..., Network]] = {
        "compact": models.compact,
        "enet": functools.partial(
            models.enet, variant="port", early_dropout=0.0, dropout=0.0, decoder_dropout=0.0
        ),
        "segnet": models.segnet,
        "fcn8s": models.fcn8s,
        "deeplab_v2": models.deeplab_v2,
        "deeplab_v3": models.deeplab_v3,
    }
    return makers[name](CLASSES, dtype=dtype)


def run(options: Models) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked."""
    unknown = [name for name in options.only if name not in SIZES]
    if unknown:
        raise InputError(f"only: {unknown[0]!r} is no network; use {', '.join(SIZES)}")
    if options.rounds < 1:
        raise InputError(f"rounds: {options.rounds}; at least 1")
    where = machine.facts()
    print(machine.heading(where))
    print(f"{options.dtype}, {CLASSES} classes, medians of up to {options.rounds} rounds\n")
    rows: dict[str, Any] = {}
    for name in options.only or tuple(SIZES):
        rows[name] = _measure(name, options)
        if len(rows) == 1:
            print(_header())
        print(_line(name, rows[name]), flush=True)
        record = {"machine": where, "dtype": options.dtype, "rounds": options.rounds, "models": rows}
        machine.write(options.out, record)
        gc.collect()


def _measure(name: str, options: Models) -> dict[str, Any]:
    batch, height, width = SIZES[name]
    batch = options.batch or batch
    height, width = options.size or (height, width)
    net = network(name, DTYPES[options.dtype])
    rng = np.random.default_rng(0)
    image = rng.standard_normal((batch, height, width, 3), np.float32)
    labels = rng.integers(0, CLASSES, (batch, height, width)).astype(np.int32)
    ours, facts = _ours(net, jnp.asarray(image), jnp.asarray(labels))
    contenders = dict(ours)
    if options.against == "torch" and name not in NO_TWIN:
        contenders |= _torch(name, image, labels, options, facts["parameters"])
    times = {
        kind: interleaved(
            {key: call for key, call in contenders.items() if key.endswith(kind)},
            rounds=options.rounds,
            seconds=options.seconds / 2,
        )
        for kind in ("forward", "train")
    }
    medians = {key: statistics.median(found) for each in times.values() for key, found in each.items()}
    ratio = {
        key: round(median_ratio(times[kind], key, f"jaxseg {kind}"), 2)
        for kind, each in times.items()
        for key in each
        if not key.startswith("jaxseg")
    }
    return {
        "shape": [batch, height, width],
        **facts,
        "rounds": {kind: len(each[f"jaxseg {kind}"]) for kind, each in times.items()},
        "images_per_second": {key: round(1000 * batch / value, 2) for key, value in medians.items()},
        "ratio": ratio,
    }


def _ours(
    net: Network, image: jax.Array, labels: jax.Array
) -> tuple[dict[str, Callable[[], Any]], dict[str, Any]]:
    variables = jax.jit(net.init)(jax.random.key(0), image)
    optimizer = SGD(learning_rate=1e-4).transformation(0, 1, net.head)
    loss = losses.SoftmaxCrossEntropy()

    def forward(variables: Any, image: jax.Array) -> jax.Array:
        return net.apply(variables, image, train=False)[0].logits

    def step(variables: Any, moments: Any, image: jax.Array, labels: jax.Array) -> tuple[Any, Any]:
        def value(params: Any) -> tuple[jax.Array, Any]:
            output, batch_stats = net.apply(
                {**variables, "params": params}, image, train=True, rngs={"dropout": jax.random.key(0)}
            )
            logits = net.upsample(output.logits, (labels.shape[1], labels.shape[2]))
            return loss.average(logits, labels, where=None), batch_stats

        gradient, batch_stats = jax.grad(value, has_aux=True)(variables["params"])
        updates, moments = optimizer.update(gradient, moments, variables["params"])
        params = jax.tree.map(jnp.add, variables["params"], updates)
        return {"params": params, "batch_stats": batch_stats}, moments

    moments = optimizer.init(variables["params"])
    predict = jax.jit(forward).lower(variables, image).compile()
    train = jax.jit(step, donate_argnums=(0, 1)).lower(variables, moments, image, labels).compile()
    flops = (predict.cost_analysis() or {}).get("flops", float("nan"))
    memory = train.memory_analysis()
    facts = {
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
        "gigaflops_per_image": round(flops / image.shape[0] / 1e9, 3),
        "temporary_megabytes": None if memory is None else round(memory.temp_size_in_bytes / 1e6, 1),
    }
    held = {"state": (jax.tree.map(jnp.copy, variables), moments)}

    def once() -> None:
        held["state"] = jax.block_until_ready(train(*held["state"], image, labels))

    return {
        "jaxseg forward": lambda: jax.block_until_ready(predict(variables, image)),
        "jaxseg train": once,
    }, facts


def _torch(
    name: str, image: np.ndarray, labels: np.ndarray, options: Models, parameters: int
) -> dict[str, Callable[[], Any]]:
    try:
        import torch
    except ImportError:
        raise InputError("against: torch is not installed; pip install -e '.[torch]'") from None
    from experiments.benchmark import torch_networks

    module = torch_networks.make(name, CLASSES)
    if module is None:
        return {}
    found = sum(each.numel() for each in module.parameters())
    if found != parameters:
        raise RuntimeError(
            f"{name}: {parameters} parameters here and {found} in torch; they must be equal networks"
        )
    device = "cuda" if jax.default_backend() == "gpu" and torch.cuda.is_available() else "cpu"
    module = module.to(device, memory_format=torch.channels_last)
    pixels = torch.tensor(image, device=device).movedim(-1, 1).contiguous(memory_format=torch.channels_last)
    truth = torch.tensor(labels, dtype=torch.int64, device=device)
    half = torch.autocast(device, torch.bfloat16, enabled=options.dtype == "bfloat16")

    def contenders(kind: str, call: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
        optimizer = torch.optim.SGD(module.parameters(), 1e-4, momentum=0.9, weight_decay=5e-4)

        def forward() -> float:
            module.eval()
            with torch.no_grad(), half:
                return float(call(pixels).flatten()[0])  # waits for the device

        def train() -> float:
            module.train()
            optimizer.zero_grad(set_to_none=True)
            with half:
                logits = call(pixels)
            logits = torch.nn.functional.interpolate(logits.float(), truth.shape[1:], mode="bilinear")
            loss = torch.nn.functional.cross_entropy(logits, truth)
            loss.backward()
            optimizer.step()
            return float(loss.detach())

        return {f"torch {kind} forward": forward, f"torch {kind} train": train}

    return contenders("eager", module) | contenders("compile", torch.compile(module))


def _header() -> str:
    columns = [
        "network",
        "images",
        "parameters",
        "GFLOP/image",
        "forward images/s",
        "train images/s",
        "temp MB",
    ]
    columns += ["torch eager: forward, train", "torch compile: forward, train"]
    return "| " + " | ".join(columns) + " |\n|---|" + "---:|" * (len(columns) - 1)


def _line(name: str, row: Mapping[str, Any]) -> str:
    batch, height, width = row["shape"]
    speed, ratio = row["images_per_second"], row["ratio"]
    cells = [
        name,
        f"{batch} of {height}x{width}",
        f"{row['parameters']:,}",
        f"{row['gigaflops_per_image']:.2f}",
    ]
    cells += [
        f"{speed['jaxseg forward']:.2f}",
        f"{speed['jaxseg train']:.2f}",
        f"{row['temporary_megabytes']:.0f}",
    ]
    for kind in ("eager", "compile"):
        keys = (f"torch {kind} forward", f"torch {kind} train")
        cells.append(", ".join(f"{speed[key]:.2f} ({ratio[key]:.2f}x)" for key in keys if key in ratio))
    return "| " + " | ".join(cells) + " |"
