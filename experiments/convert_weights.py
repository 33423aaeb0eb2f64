"""Convert published weights: `python -m experiments.convert_weights IN OUT.safetensors [--config CONFIG]`.

IN is a .pth, .npz or .safetensors file in one of the layouts that `jaxseg.models.pretrained` lists. OUT holds the same
arrays under the same names and is read without torch. With a config, says what training would take of them: the head
too, unless the config leaves it out.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from experiments._command import parse_all, run


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Convert a file of published weights to .safetensors, and say whose they are and what input they expect."""

    source: Annotated[Path, tyro.conf.Positional]
    """File to read: .pth or .pt (where torch is installed), .npz or .safetensors."""
    target: Annotated[Path, tyro.conf.Positional]
    """.safetensors file to write."""
    layout: str | None = None
    """Layout of the names, where they fit several."""
    config: Path | None = None
    """Config file of an experiment whose network the weights are for, to see what fits."""


def main(arguments: Sequence[str]) -> int:
    """Converts; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.convert_weights")
    from jaxseg.models import pretrained

    fits = None
    if own.config is not None:
        from jaxseg.train import load_config

        experiment = load_config(own.config)
        head = experiment.initialize_head
        fits = pretrained.fit(experiment.method.network, own.source, layout=own.layout, head=head)
    print(pretrained.convert(own.source, own.target, layout=own.layout))
    if fits is not None:
        print(fits)
    return 0


if __name__ == "__main__":
    run(main)
