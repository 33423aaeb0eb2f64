"""`python -m experiments.scaling`: compiles a training step for chips that are not there, and predicts its time."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments._command import parse_all, run
from jaxseg.errors import InputError

if TYPE_CHECKING:
    from experiments.scaling.program import Case


@dataclasses.dataclass(frozen=True)
class Arguments:
    """Predict the time of a training step on many chips, from programs compiled for them."""

    devices: tuple[int, ...] = (8, 64, 512)
    """Numbers of chips, powers of two."""
    space: tuple[int, ...] = (1, 2, 4, 8)
    """Chips that split the height of an image; the others split the batch, an image for each."""
    network: Literal["compact", "deeplab_v2", "deeplab_v3", "deeplab_v3_plus"] = "deeplab_v3"
    """The network, with 19 classes."""
    size: tuple[int, int] = (1024, 2048)
    """Height and width of the images."""
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """What the network computes in; times are of bfloat16's peak."""
    out: Path = Path("runs/scaling.json")
    """The counts; rows that are in it are not compiled again. The page is written beside it, as `.md`."""


def main(arguments: Sequence[str]) -> int:
    """Compiles, writes the record and the page, prints the page; returns the exit status."""
    own = parse_all(Arguments, arguments, "experiments.scaling")
    cases = list(_cases(own))
    from experiments.benchmark.machine import write
    from experiments.scaling.page import page
    from experiments.scaling.program import case_of, compiled_counts
    from jaxseg.train.versions import versions

    compilers = {name: version for name, version in versions().items() if name in ("jax", "jaxlib")}
    before = json.loads(own.out.read_text()) if own.out.exists() else {}
    rows = before.get("rows", []) if before.get("versions") == compilers else []
    known = {case_of(row["case"]): row["counts"] for row in rows}

    def record(chosen: Iterable["Case"]) -> dict[str, Any]:
        told = [{"case": dataclasses.asdict(case), "counts": known[case]} for case in chosen]
        return {"versions": compilers, "rows": told}

    for number, case in enumerate(cases, start=1):
        if case not in known:
            mesh = f"{case.data} x {case.space}, {case.precision}{', computed again' if case.remat else ''}"
            print(f"compiles {number} of {len(cases)}: {mesh}", file=sys.stderr, flush=True)
            known[case] = dataclasses.asdict(compiled_counts(case))
            write(own.out, record(known))
    write(own.out, record(cases))
    text = page(json.loads(own.out.read_text()))
    own.out.with_suffix(".md").write_text(text)
    print(text)
    return 0


def _cases(own: Arguments) -> Iterator["Case"]:
    """One device first; then every mesh; then one device in other ways, for their memory."""
    from experiments.scaling.program import Case

    if own.out.suffix == ".md":
        raise InputError(f"out: {own.out}; it names the record, a .json, and the page is written beside it")
    alone = Case(network=own.network, size=own.size, precision=own.precision)
    yield alone
    for devices in own.devices:
        for space in own.space:
            if min(devices, space) < 1 or devices & (devices - 1) or space & (space - 1):
                raise InputError(f"devices {devices}, space {space}: use powers of two")
            if space <= devices and devices > 1:
                data = devices // space
                yield dataclasses.replace(alone, data=data, space=space, batch=data)
    other = "float32" if own.precision == "bfloat16" else "bfloat16"
    yield dataclasses.replace(alone, precision=other)
    yield dataclasses.replace(alone, remat=True)


if __name__ == "__main__":
    run(main)
