"""The input pipeline's speed: decode, and decode and augment, in images a second, beside a torch DataLoader.

Both read the same encoded images from memory, with equally many threads or worker processes, and give batches of the
same shape, augmented by the same geometry and colours in float32: scale 0.5 to 2, one crop, a mirror image, colour
jitter. Torch decodes with Pillow and augments in its workers, one thread each, and does no work outside the crop's
window; JAX augments on all cores, so that `threads` is to be their number, or it has more of them. Rounds alternate, so
what disturbs the machine disturbs both.
"""

import dataclasses
import functools
import io
import json
import statistics
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from PIL import Image

from experiments.benchmark import machine
from experiments.benchmark.timing import interleaved, median_ratio
from jaxseg import data
from jaxseg.data import _images
from jaxseg.data.augment import LUMA, ColorJitter, ScaleCropFlip
from jaxseg.data.streets import Streets
from jaxseg.errors import InputError
from jaxseg.labels import VOID

FORMATS = ("png", "jpeg")
SCALE, JITTER = (0.5, 2.0), 0.2


@dataclasses.dataclass(frozen=True)
class Input:
    """Time the input pipeline on drawn streets as PNG and as JPEG, and print the table."""

    size: tuple[int, int] = (512, 1024)
    """Height and width of the images, and of the crops."""
    images: int = 48
    """How many images there are; each round goes through all of them."""
    batch: int = 4
    """Images in a batch; it divides their number."""
    threads: int = 2
    """Threads that decode, and worker processes of the DataLoader."""
    against: Literal["nothing", "torch", "torch-uint8"] = "torch"
    """Also time the torch DataLoader; with uint8 it resamples in whole grey levels, which is faster and less exact."""
    rounds: int = 7
    """Rounds at most; the median is reported."""
    seconds: float = 120.0
    """Time after which no new round of a format begins."""
    out: Path | None = None
    """Write the figures as JSON to this file as well."""


class Encoded:
    """Images and label maps as files hold them, decoded when asked: a source of the pipeline."""

    def __init__(self, examples: list[tuple[bytes, bytes]]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image, label = self.examples[index]
        return {
            "image": _images.decode_image(image, "image"),
            "label": _images.decode_label(label, "label"),
            "id": str(index),
        }


def run_input(options: Input) -> None:
    """Times what the options ask for and prints the table; writes the figures where asked."""
    if options.batch < 1 or options.images < 1 or options.images % options.batch:
        raise InputError(f"batch: {options.batch}; at least 1, and a divisor of images ({options.images})")
    if min(options.rounds, options.threads) < 1:
        raise InputError(f"rounds, threads: {options.rounds}, {options.threads}; each at least 1")
    where = machine.facts()
    print(f"{where['processor']}, {where['cores']} cores, {', '.join(where['devices'])}")
    print(", ".join(f"{name} {version}" for name, version in where["versions"].items()))
    print(
        f"{options.images} images of {options.size[1]}x{options.size[0]}, batch {options.batch}, "
        f"{options.threads} threads or workers, medians of up to {options.rounds} rounds\n"
    )
    print("| images/s | jaxseg | torch DataLoader | ratio |\n|---|---:|---:|---:|")
    rows: dict[str, dict[str, float]] = {}
    for encoding in FORMATS:
        rows |= measure(encoding, options)
    if options.out is not None:
        settings = {name: value for name, value in vars(options).items() if name != "out"}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"machine": where, **settings, "input": rows}, indent=1) + "\n")


def measure(encoding: str, options: Input) -> dict[str, dict[str, float]]:
    """Times one format; prints and returns its two rows."""
    source = Encoded(examples(encoding, options.images, options.size))
    contenders: dict[str, Callable[[], Any]] = {
        f"decode {encoding}/jaxseg": ours(source, options, augmented=False),
        f"decode and augment {encoding}/jaxseg": ours(source, options, augmented=True),
    }
    loaders: list[Any] = []
    if options.against != "nothing":
        for what, augmented in (("decode", False), ("decode and augment", True)):
            loaders.append(theirs(source, options, augmented=augmented))
            contenders[f"{what} {encoding}/torch"] = functools.partial(_drain, loaders[-1], options)
    times = interleaved(contenders, rounds=options.rounds, seconds=options.seconds, warmup=1)
    rows = {}
    for what in (f"decode {encoding}", f"decode and augment {encoding}"):
        names = [name for name in times if name.partition("/")[0] == what]
        row = {
            name.partition("/")[2]: 1000.0 * options.images / statistics.median(times[name]) for name in names
        }
        if "torch" in row:
            row["ratio"] = median_ratio(times, f"{what}/torch", f"{what}/jaxseg")
        cells = [f"{row['jaxseg']:.1f}"]
        cells += [f"{row['torch']:.1f}", f"{row['ratio']:.2f}x"] if "torch" in row else ["", ""]
        print(f"| {what} | {' | '.join(cells)} |", flush=True)
        rows[what] = {name: round(value, 3) for name, value in row.items()}
    return rows


def examples(encoding: str, count: int, size: tuple[int, int]) -> list[tuple[bytes, bytes]]:
    """Drawn streets with their noise, as PNG (packed as Pillow does by default) or JPEG of quality 95."""
    made = []
    different = min(count, 8)  # drawing many of them takes longer than timing them
    streets = Streets(domain="real", size=size, images=(different, 1, 1))
    for make in islice(streets.recipe().splits["train"].values(), different):
        stored = make()
        assert isinstance(stored.label, bytes)
        buffer = io.BytesIO()
        quality = {"quality": 95} if encoding == "jpeg" else {}
        Image.open(io.BytesIO(stored.image)).save(buffer, format=encoding, **quality)
        made.append((buffer.getvalue(), stored.label))
    return [made[k % different] for k in range(count)]


def ours(source: Encoded, options: Input, *, augmented: bool) -> Callable[[], None]:
    """One pass through the pipeline, and the device.

    It is `evaluation_batches`, which decodes and batches as `batches` does, and ends: an endless iterator would go on
    reading ahead, while another contender's time is taken.
    """
    crop, jitter = ScaleCropFlip(size=options.size, scale=SCALE), ColorJitter(JITTER, JITTER, JITTER)

    @jax.jit
    def augment(key: jax.Array, image: jax.Array, label: jax.Array) -> Any:
        return jitter(jax.random.fold_in(key, 1), *crop(jax.random.fold_in(key, 0), image, label))

    def epoch() -> None:
        iterator = data.evaluation_batches(source, options.batch, threads=options.threads)
        for step, part in enumerate(iterator):
            if augmented:
                jax.block_until_ready(augment(jax.random.key(step), part["image"], part["label"]))

    return epoch


def theirs(source: Encoded, options: Input, *, augmented: bool) -> Any:
    """A torch DataLoader over the same bytes, its workers kept alive between epochs."""
    try:
        from torch.utils import data as torch_data
    except ImportError:
        raise InputError("against: torch is not installed; pip install -e '.[torch]'") from None
    examples: Any = TorchExamples(
        source.examples, options.size if augmented else None, whole=options.against == "torch-uint8"
    )
    loader: Any = torch_data.DataLoader(
        examples,
        batch_size=options.batch,
        shuffle=True,
        num_workers=options.threads,
        persistent_workers=True,
        multiprocessing_context="spawn",  # a fork would copy the threads of JAX in whatever state they are
    )
    return loader


def _drain(loader: Any, options: Input) -> None:
    seen = sum(len(image) for image, _ in loader)
    if seen != options.images:
        raise RuntimeError(f"the DataLoader gave {seen} of {options.images} images")


class TorchExamples:
    """A map-style data set for torch: decoded by Pillow and, with a crop size, augmented in the worker.

    The crop's window is cut out before it is resized, so no pixel outside it is worked on.
    """

    def __init__(
        self, encoded: list[tuple[bytes, bytes]], size: tuple[int, int] | None, *, whole: bool = False
    ) -> None:
        self.encoded, self.size, self.whole = encoded, size, whole

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: int) -> Any:
        import torch

        torch.set_num_threads(1)  # one core a worker, as one thread decodes for us
        image_bytes, label_bytes = self.encoded[index]
        pixels = np.array(Image.open(io.BytesIO(image_bytes)).convert("RGB"))
        image = torch.from_numpy(pixels).permute(2, 0, 1)
        label = torch.from_numpy(np.array(Image.open(io.BytesIO(label_bytes))))
        if self.size is None:
            return image, label
        return augmented_by_torch(image, label, self.size, whole=self.whole)


def augmented_by_torch(
    image: Any, label: Any, size: tuple[int, int], *, whole: bool = False
) -> tuple[Any, Any]:
    """Random scale, crop, mirror image and colour jitter of one image [3, H, W] and label [H, W], as ours.

    With `whole` the image is resampled as uint8.
    """
    from torch.nn import functional

    height, width = label.shape
    factor = _uniform(*SCALE) * max(size[0] / height, size[1] / width)
    seen = [min(int(side / factor), length) for side, length in zip(size, (height, width), strict=True)]
    top, left = (
        int(_uniform(0, length - part + 1)) for part, length in zip(seen, (height, width), strict=True)
    )
    window = (slice(top, top + seen[0]), slice(left, left + seen[1]))
    target = [min(round(part * factor), side) for part, side in zip(seen, size, strict=True)]
    pixels = image[(slice(None), *window)][None]
    pixels = pixels if whole else pixels.contiguous().float()
    pixels = functional.interpolate(pixels, target, mode="bilinear", antialias=True)[0]
    truth = functional.interpolate(label[window][None, None], target, mode="nearest-exact")[0, 0]
    if _uniform(0, 1) < 0.5:
        pixels, truth = pixels.flip(-1), truth.flip(-1)
    pixels = _jittered(pixels.float().contiguous())
    down, right = size[0] - target[0], size[1] - target[1]
    above, before = int(_uniform(0, down + 1)), int(_uniform(0, right + 1))
    margin = (before, right - before, above, down - above)
    pixels = functional.pad(pixels, margin, value=127.5)
    return pixels, functional.pad(truth, margin, value=VOID) if any(margin) else truth


def _jittered(pixels: Any) -> Any:
    """Brightness, contrast and saturation in place; torch takes a fifth of the time that the plain formula does."""
    brightness, contrast, saturation = (_uniform(1 - JITTER, 1 + JITTER) for _ in range(3))
    pixels = pixels.mul_(brightness).clamp_(0, 255)
    mean = _grey(pixels).mean()
    pixels = pixels.mul_(contrast).add_((1 - contrast) * mean).clamp_(0, 255)
    grey = _grey(pixels)
    return pixels.mul_(saturation).add_(grey, alpha=1 - saturation).clamp_(0, 255)


def _grey(pixels: Any) -> Any:
    red, green, blue = pixels
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _uniform(low: float, high: float) -> float:
    import torch

    return low + (high - low) * float(torch.rand(()))
