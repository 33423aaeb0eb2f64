"""What a measurement must say of where it was made, and the memory rate that it can reach there."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp


def facts() -> dict[str, Any]:
    """Processor, cores, accelerators, and the versions of what was timed."""
    from jaxseg.train.versions import processor, versions

    hardware = ("devices", "processor", "processors")
    found = {name: version for name, version in versions().items() if name not in hardware}
    for package in ("ott-jax", "torch"):
        version = _version(package)
        if version is not None:
            found[package] = version
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "backend": jax.default_backend(),
        "devices": sorted({device.device_kind for device in jax.devices()}),
        "versions": found,
    }


def heading(where: dict[str, Any]) -> str:
    """Two lines that say where figures were measured."""
    machine = f"{where['processor']}, {where['cores']} cores, {', '.join(where['devices'])}"
    return machine + "\n" + ", ".join(f"{name} {version}" for name, version in where["versions"].items())


def write(path: Path | None, record: dict[str, Any]) -> None:
    """Writes figures as JSON, if a file is named; called after every row, so that a stopped run keeps its rows."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(path)


def _version(package: str) -> str | None:
    import importlib.metadata

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def stream(numbers: int) -> tuple[Any, int]:
    """A call that reads `numbers` float32 and writes as many, and the bytes that it moves: the stream ceiling."""
    source = jnp.ones(numbers, jnp.float32)
    scale = jax.jit(lambda x: 1.5 * x + 1.0)
    return lambda: scale(source).block_until_ready(), 8 * numbers
