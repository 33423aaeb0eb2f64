"""`python -m experiments.benchmark WHAT`: measures speed and memory of one part, and prints the table."""

from collections.abc import Sequence
from typing import Any

import tyro

from experiments._command import parse_all, run
from experiments.benchmark.input import Input, run_input
from experiments.benchmark.losses import Losses
from experiments.benchmark.losses import run as run_losses
from experiments.benchmark.metapix import MetaSteps, run_metapix
from experiments.benchmark.models import Models
from experiments.benchmark.models import run as run_models
from experiments.benchmark.sweep import Sweep, run_sweep
from experiments.benchmark.wasserstein import Wasserstein
from experiments.benchmark.wasserstein import run as run_wasserstein

BENCHMARKS: dict[str, tuple[Any, Any]] = {
    "input": (Input(), run_input),
    "losses": (Losses(), run_losses),
    "metapix": (MetaSteps(), run_metapix),
    "models": (Models(), run_models),
    "sweep": (Sweep(), run_sweep),
    "wasserstein": (Wasserstein(), run_wasserstein),
}
"""Default options and what runs them, by name."""


def main(arguments: Sequence[str]) -> int:
    """Runs one benchmark; returns the exit status."""
    options = {name: defaults for name, (defaults, _) in BENCHMARKS.items()}
    chosen = tyro.extras.subcommand_type_from_defaults(options, prefix_names=False)
    own = parse_all(chosen, arguments or ("--help",), "experiments.benchmark")
    for defaults, function in BENCHMARKS.values():
        if isinstance(own, type(defaults)):
            function(own)
    return 0


if __name__ == "__main__":
    run(main, keep=False)  # a plain process, as whoever calls a library has
