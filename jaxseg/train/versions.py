"""What beside the config decides a run's numbers: the commit, the packages, the hardware."""

import contextlib
import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import jax

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "jaxseg")


def versions() -> dict[str, str]:
    """Python, packages, jaxseg's commit where it runs from a checkout, and hardware."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    commit = commit_of(Path(__file__).parents[1])
    return {
        "python": platform.python_version(),
        **found,
        **({"commit": commit} if commit else {}),
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "processor": processor(),
        "processors": str(os.cpu_count()),
    }


def processor() -> str:
    """The processor's name; where XLA compiles for another one, a CPU's last digits differ."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


@functools.cache  # a process keeps the code that it began with, whatever is committed meanwhile
def commit_of(package: Path) -> str | None:
    """The commit of the checkout whose files a package's are, `", modified"` after it if tracked files differ from it.

    None where the package is no part of a checkout, as when it was installed, even into a checkout of something else.
    """
    if not _git(package, "ls-files", "--", "__init__.py"):
        return None
    commit = _git(package, "rev-parse", "--short=12", "HEAD")
    modified = _git(package, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}, modified" if commit and modified else commit or None


def _git(folder: Path, *words: str) -> str:
    """What git prints of a folder; nothing where it cannot, or is not there."""
    try:
        said = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
