"""The page on scaling, written from the counts of compiled programs."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.scaling.chips import BACKWARD, CHIPS, UTILISATION, Chip, Torus, efficiency, predicted
from experiments.scaling.program import Case, Counts, case_of, counts_of

DECODED = 134.8 / 2 * (512 * 1024)
"""Pixels a second that one thread decodes of PNG images: `experiments/results/benchmark/input-cpu.json`."""

STRIDE, DILATIONS = 16, (6, 12, 18)
"""Of DeepLabv3's features and pyramid, in its paper's form."""

MORE = 4
"""Images a chip for which the share of waiting is told beside that of one."""

NAMES = {"deeplab_v3": "DeepLabv3-R101", "deeplab_v2": "DeepLabv2-R101", "deeplab_v3_plus": "DeepLabv3+"}

Row = tuple[Case, Counts]


def page(record: Mapping[str, Any]) -> str:
    """The page in Markdown, of a record as `python -m experiments.scaling` writes it."""
    rows = [(case_of(row["case"]), counts_of(row["counts"])) for row in record["rows"]]
    alone, meshes = rows[0], [row for row in rows if row[0].devices > 1]
    parts = [
        _introduction(alone, meshes, record["versions"]),
        _broken(alone, meshes),
        _counted(alone, meshes),
    ]
    parts += [_predicted(chip, alone, meshes) for chip in CHIPS]
    parts += [_memory([row for row in rows if row[0].devices == 1]), _model(alone[1])]
    return "\n\n".join(parts) + "\n"


def _introduction(alone: Row, meshes: Sequence[Row], versions: Mapping[str, str]) -> str:
    case, counts = alone
    height, width = case.size
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    told = f"""
        What one training step of {NAMES.get(case.network, case.network)} at {height}x{width} would cost on
        many chips: predicted, not measured. The trainer's own step (19 classes, cross entropy, SGD with
        momentum, {case.precision}, {counts.parameters:,} parameters, one image for each place along `data`)
        was compiled by XLA for the number of devices that a row says, with one CPU standing for all of them;
        nothing was allocated or run. What a device computes and what devices exchange is read from those
        programs; no row is extrapolated from another. A model of a few lines, [below](#the-model), turns that
        into time. {software}.
    """
    short = ""
    plain = [row for row in meshes if row[0].space == 1]
    if plain:
        most, largest = max(plain, key=lambda row: row[0].devices)
        each = " or ".join(
            f"{100 * efficiency(predicted(largest, chip).fast, most.batch, most.devices, _alone(alone, chip)):.0f}% "
            f"({chip.name})"
            for chip in CHIPS
        )
        short = f"""
            In short: with an image a chip, {most.devices} chips together do {each} of what as many separate ones would,
            at best, and what they wait for is batch normalisation.
        """
    size = f"{height} {width}" if case.size != Case.size else ""
    given = {"network": case.network, "size": size, "precision": case.precision}
    flags = [f" --{name} {value}" for name, value in given.items() if value and value != getattr(Case, name)]
    command = f"    python -m experiments.scaling{''.join(flags)} --out experiments/results/scaling.json"
    return f"# Scaling on paper\n\n{_text(told)}\n\n{command}\n\n{_text(short)}".rstrip()


def _broken(alone: Row, meshes: Sequence[Row]) -> str:
    """What the numbers say of where scaling ends."""
    paragraphs = []
    plain = [row for row in meshes if row[0].space == 1]
    most = max((case.devices for case, _ in meshes), default=1)
    split = [row for row in meshes if row[0].devices == most and row[0].space > 1 and row[0].data > 1]
    if plain:
        largest = max(plain, key=lambda row: row[0].devices)
        paragraphs.append(_statistics(*largest))
        if split and largest[0].devices == most:
            paragraphs.append(_splitting(max(split, key=lambda row: row[0].space), largest))
    spaces = sorted({case.space for case, _ in meshes if case.space > 1})
    if spaces and alone[0].network == "deeplab_v3":
        paragraphs.append(_pyramid(alone[0].size[0], spaces))
    if plain:
        paragraphs.append(_gradient(largest[1]))
    return "\n\n".join(["## What breaks first", *map(_text, (*paragraphs, _fits(alone), _fed(alone)))])


def _fed(alone: Row) -> str:
    case, counts = alone
    thread = DECODED / (case.size[0] * case.size[1])
    wanted = {chip: chip.host * case.batch / predicted(counts, chip).slow for chip in CHIPS}
    told = " and ".join(
        f"{images:.0f} images a second for {chip.host} {chip.name} ({images / thread:.0f} threads)"
        for chip, images in wanted.items()
    )
    return f"""
        **The input breaks where the host is small.** A thread decodes {thread:.0f} PNG images of
        {case.size[0]}x{case.size[1]} a second ([measured](README.md#input) on smaller ones). To keep up with
        its chips, were each as fast as one alone, a host decodes {told}. `--threads` says how many it uses,
        and is 2 unless told. JPEG takes two thirds of the time; crops cut when the data is prepared take
        less.
    """


def _statistics(case: Case, counts: Counts) -> str:
    times = {chip: predicted(counts, chip) for chip in CHIPS}
    told = " and ".join(
        f"{_ms(time.statistics)} of {_ms(time.fast)} ms on {case.devices} {chip.name}"
        f" ({100 * time.statistics / time.fast:.0f}%)"
        for chip, time in times.items()
    )
    less = " and ".join(
        f"{100 * time.statistics / (time.fast + (MORE - 1) * time.computing):.0f}%" for time in times.values()
    )
    return f"""
        **Batch normalisation, by latency.** Its statistics are global, so every layer waits for all chips, in
        the forward and in the backward pass: {_operations(counts, "all-reduce")} all-reduces a step, of some
        kilobytes each, one after the other. They take {told}, and nothing hides them. The wait grows with the
        machine and not with the images: with {MORE} images a chip, computing {MORE} times as long, it would
        be {less} of the step. `batch_norm="frozen"` and `"group"` have none.
    """


def _splitting(split: Row, plain: Row) -> str:
    case, counts = split
    extra = counts.flops * case.space / plain[1].flops - 1
    gradient = _bytes(counts, "all-reduce", "gradient") / _bytes(plain[1], "all-reduce", "gradient")
    told = " and ".join(f"{_ms(predicted(counts, chip).gradient)} ms on {chip.name}" for chip in CHIPS)
    return f"""
        **Splitting the height.** It is for images that are too large or too few for the chips, not for
        throughput. At space {case.space} a chip does {100 * extra:.0f}% more arithmetic than its share.
        {_operations(counts, "collective-permute")} exchanges of border
        rows a step each cost their latency, however few rows a chip has left. Over two mesh axes XLA's
        partitioner sums along one and then along the other: {_operations(counts, "all-reduce")} all-reduces in place of
        {_operations(plain[1], "all-reduce")}, and {gradient:.1f} times the gradient's bytes, which between
        nodes all go through each chip's one port ({told} at {case.data} x {case.space}). A compiler
        that folds the two sums into one takes this last cost away; the CPU's does not.
    """


def _pyramid(height: int, spaces: Sequence[int]) -> str:
    rows = math.ceil(height / STRIDE)
    left = ", ".join(f"{rows / space:g} at space {space}" for space in spaces)
    over = [str(dilation) for dilation in DILATIONS if dilation > rows / spaces[-1]]
    told = f"""
        **The pyramid's dilations.** At stride {STRIDE} the features have {rows} rows; a chip has {left}. The
        pyramid's kernels reach {", ".join(map(str, DILATIONS))} rows up and down.
    """
    if over:
        told += f"""
            At space {spaces[-1]}, {" and ".join(over)} are more rows than a chip has: such a kernel needs rows from
            beyond its neighbours. There XLA's partitioner computes wrong gradients without a word, so jaxseg
            gathers the map and every chip along the height computes all its rows.
        """
    return told + "At output stride 8 there are twice the rows and twice the dilations: the same."


def _gradient(counts: Counts) -> str:
    times = {chip: predicted(counts, chip) for chip in CHIPS}
    told = " and ".join(
        f"{_ms(time.gradient)} ms against {_ms(BACKWARD * time.computing)} ms of backward pass on {chip.name}"
        for chip, time in times.items()
    )
    return f"""
        **What does not break: the gradient.** {_bytes(counts, "all-reduce", "gradient") / 1e6:.0f} MB,
        whatever the number of chips: {told}. It hides where the compiler sums it piece by piece; the CPU's
        sums it in one piece at the end. With `--precision bfloat16` the kernels' gradients cross between
        chips in bfloat16 too.
    """


def _fits(alone: Row) -> str:
    case, counts = alone
    images = " and ".join(
        f"{math.floor(case.batch * (0.9 * chip.memory - counts.state) / counts.temporary)} on {chip.name}"
        for chip in CHIPS
    )
    return f"""
        **Nor does memory.** An image takes {counts.temporary / 1e9 / case.batch:.1f} GB in {case.precision}; nine
        tenths of a chip's memory have room for {images}. So waiting can be diluted by more images a chip; what
        ends that is learning: DeepLabv3's paper takes 16 images a step, and hundreds are another experiment.
    """


def _counted(alone: Row, meshes: Sequence[Row]) -> str:
    lines = [
        "| data x space | images | GFLOP | GB moved | memory GB | gradient MB | all-reduces | shifts | shifted MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case, counts in (alone, *meshes):
        lines.append(
            f"| {case.data} x {case.space} | {case.batch} | {counts.flops / 1e9:,.0f} | {counts.traffic / 1e9:.1f} "
            f"| {(counts.state + counts.temporary) / 1e9:.1f} "
            f"| {_bytes(counts, 'all-reduce', 'gradient') / 1e6:.0f} | {_operations(counts, 'all-reduce')} "
            f"| {_operations(counts, 'collective-permute')} | {_bytes(counts, 'collective-permute') / 1e6:.0f} |"
        )
    gathered = max((_bytes(counts, "all-gather") for _, counts in meshes), default=0)
    told = """
        On each device. Moved: between the chip and its memory. Memory: state, batch, and the values alive at
        once. Gradient: what all-reduces sum of it; nearly all other all-reduces are of batch statistics.
        Shifts send border rows to a neighbour, a part of the image's height.
    """
    after = "No other collectives are in these programs."
    if gathered:
        after = f"Besides, programs that split the height gather up to {gathered / 1e6:.0f} MB"
        if alone[0].network == "deeplab_v3":
            after += (
                ": the logits, before they are brought to the image's size, which is no whole multiple of theirs, "
                "and the maps of convolutions that reach over more rows than a chip has"
            )
        after += ". No other collectives are in them."
    return "\n\n".join(["## What a device does in a step", _text(told), "\n".join(lines), _text(after)])


def _predicted(chip: Chip, alone: Row, meshes: Sequence[Row]) -> str:
    first = predicted(alone[1], chip)
    bound = "arithmetic" if first.arithmetic else "memory"
    told = f"""
        Milliseconds. A step is first with the gradient summed behind the backward pass, as far as that is
        long enough, then with nothing overlapped. One chip alone takes {_ms(first.slow)} ms ({bound}) for
        {alone[0].batch} image; efficiency is images a second and chip against that.
    """
    lines = [
        "| chips | mesh | computing | gradient | statistics | shifts | step | images/s | efficiency |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case, counts in meshes:
        time = predicted(counts, chip)
        steps = (time.fast, time.slow)
        speeds = [f"{case.batch / step:,.0f}" for step in steps]
        shares = [
            f"{100 * efficiency(step, case.batch, case.devices, _alone(alone, chip)):.0f}%" for step in steps
        ]
        parts = (time.computing, time.gradient, time.statistics, time.halos)
        lines.append(
            f"| {case.devices} | {case.data} x {case.space} | {' | '.join(map(_ms, parts))} "
            f"| {' to '.join(map(_ms, steps))} | {' to '.join(speeds)} | {' to '.join(shares)} |"
        )
    return "\n\n".join([f"## {chip.name}", _text(told), "\n".join(lines)])


def _memory(variants: Sequence[Row]) -> str:
    told = """
        State and batch exactly; the values alive at once in the traced step by an estimate,
        element-by-element work being folded into what reads it. The last column is what the program compiled
        for the CPU asks for in all: that compiler computes
        convolutions in float32 whatever the precision, and takes little notice of what is to be computed again.
    """
    lines = [
        "| precision | blocks computed again | state GB | alive at once GB | together GB | CPU's program GB |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for case, counts in variants:
        lines.append(
            f"| {case.precision} | {'yes' if case.remat else 'no'} | {counts.state / 1e9:.2f} "
            f"| {counts.temporary / 1e9:.1f} | {(counts.state + counts.temporary) / 1e9:.1f} "
            f"| {(counts.state + counts.compiled_temporary) / 1e9:.1f} |"
        )
    return "\n\n".join(["## Memory of one image on one chip", _text(told), "\n".join(lines)])


def _model(alone: Counts) -> str:
    formulas = """\
    computing  = max(FLOP / (peak x utilisation), bytes moved / memory bandwidth)
    all-reduce = latency + 2 (n - 1) / n x bytes / links        a gather: once, not twice
    shift      = latency + bytes / link
    step       = computing + gradient + statistics + shifts, less what of the gradient is hidden"""
    items = [
        f"Utilisation: {UTILISATION:g} of the bfloat16 peak (ours); at less, computing takes longer and all shares of "
        "waiting are smaller. Two thirds of the computing are the backward pass (ours)."
    ]
    items += [
        f"{chip.name}: {chip.flops / 1e12:.0f} TFLOP/s, {chip.memory / 1e9:.0f} GB of memory at "
        f"{chip.bandwidth / 1e9:,.0f} GB/s. {_links(chip)}"
        for chip in CHIPS
    ]
    items += [
        f"""Bytes moved: in the traced step every operation is a kernel that reads and writes its arrays once, with
        element-by-element work folded into the kernel that reads it, where that is one. Compilers do better and worse.
        XLA's own count is of the CPU's program, which fuses otherwise; the record has it as `compiled_traffic`,
        {alone.compiled_traffic / alone.traffic:.1f} times as much on one device.""",
        """Bytes exchanged are of the partitioned program, before the CPU's compiler widens bfloat16 to float32; numbers
        of operations are of the compiled program, where small all-reduces are combined. Another compiler combines
        otherwise.""",
        """Left out: padding to the units of a chip (19 classes, 3 colours), launches, stragglers, groups of chips that
        share a link, what a chip moves of maps that it computes whole, augmentation, evaluation, checkpoints.""",
    ]
    bullets = "\n".join(_text(item, "- ") for item in items)
    return f"## The model\n\n{formulas}\n\n{bullets}"


def _links(chip: Chip) -> str:
    links = chip.links
    if isinstance(links, Torus):
        return (
            f"Links: six of {links.link / 1e9:.0f} GB/s (4,800 Gbit/s) in a three-dimensional torus, three in a cube "
            "of 8 (figures: Google Cloud's page on TPU v5p). "
            f"Latency: {1e6 * links.start:.0f} us and {1e6 * links.hop:.0f} us a hop (ours)."
        )
    return (
        f"Links: NVLink, {links.inside / 1e9:.0f} GB/s each way, in nodes of {links.size}; between nodes 400 Gbit/s "
        f"InfiniBand, {links.between / 1e9:.0f} GB/s, for each chip "
        "(figures: NVIDIA's data sheets of H200 and DGX H200). Latency: "
        f"{1e6 * links.start:.0f} us, and {1e6 * links.hop:.0f} us for each of 2 log2(nodes) steps (ours)."
    )


def _alone(row: Row, chip: Chip) -> float:
    """Seconds that one chip alone takes for an image."""
    return predicted(row[1], chip).slow / row[0].batch


def _bytes(counts: Counts, kind: str, what: str | None = None) -> int:
    return sum(part.bytes for part in counts.traded if part.kind == kind and what in (None, part.what))


def _operations(counts: Counts, kind: str) -> int:
    return sum(part.operations for part in counts.sent if part.kind == kind)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f}"


def _text(words: str, first: str = "") -> str:
    return textwrap.fill(
        " ".join(words.split()),
        width=118,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
