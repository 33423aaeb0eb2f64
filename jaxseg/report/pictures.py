"""Pictures of label maps: colour overlays with a legend, error maps, palette PNGs. NumPy and Pillow only."""

import io
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxseg.errors import InputError
from jaxseg.labels import VOID, LabelSpace
from jaxseg.report._files import write_whole
from jaxseg.report._markup import printable

_PAPER, _INK, _EDGE = (255, 255, 255), (28, 32, 38), (150, 156, 165)
_WRONG = np.array((255, 68, 56), np.float32)


def overlay(
    image: UInt8[np.ndarray, "H W 3"],
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    alpha: int | float = 0.55,
) -> UInt8[np.ndarray, "H W 3"]:
    """The image tinted with the colour of each pixel's class; void pixels stay as they are.

        out = (1 - alpha) image + alpha colour[label]        rounded to the nearest integer

    Args:
      image: [H, W, 3] RGB.
      labels: [H, W] train ids; ids outside 0..C-1 are void.
      space: gives the colours.
      alpha: share of the colour, 0 (the image) to 1 (the colours alone); the default is ours.

    Returns:
      [H, W, 3] RGB.

    Raises:
      InputError: image and labels differ in size, or alpha is not in 0..1.

    >>> from jaxseg.labels import CAMVID
    >>> grey = np.full((1, 2, 3), 100, np.uint8)
    >>> overlay(grey, np.array([[0, 255]]), CAMVID, alpha=0.5).tolist(), CAMVID.palette[0]
    ([[[114, 114, 114], [100, 100, 100]]], (128, 128, 128))
    """
    _same_size("image", image, "labels", labels)
    if not 0.0 <= alpha <= 1.0:
        raise InputError(f"alpha: {alpha} is not a share; give a number from 0 to 1")
    known = (labels >= 0) & (labels < space.classes)
    colours = np.array(space.palette, np.uint8)[np.where(known, labels, 0)].astype(np.float32)
    mixed = (1.0 - alpha) * image.astype(np.float32) + alpha * colours
    return np.where(known[..., None], np.floor(mixed + 0.5).astype(np.uint8), image)


def legend(
    space: LabelSpace,
    present: Iterable[int] | None = None,
    *,
    columns: int = 1,
    text_size: int = 14,
) -> UInt8[np.ndarray, "h w 3"]:
    """A picture of class names, each beside its colour.

    Args:
      space: gives names and colours.
      present: train ids to show, in the order of the classes; None shows all. Other ids are left out.
      columns: entries are laid out in this many columns, filled from the top down.
      text_size: height of the letters, in pixels.

    Returns:
      [h, w, 3] RGB, dark text on white.

    >>> from jaxseg.labels import CAMVID
    >>> legend(CAMVID, present=[0, 3]).shape[0] < legend(CAMVID).shape[0]
    True
    """
    shown = range(space.classes) if present is None else sorted({int(i) for i in present})
    entries = [(printable(space.names[i]), space.palette[i]) for i in shown if 0 <= i < space.classes]
    font = ImageFont.load_default(size=text_size)
    pitch, pad = math.ceil(1.5 * text_size), math.ceil(0.75 * text_size)
    rows = max(1, math.ceil(len(entries) / columns))
    lengths = [math.ceil(font.getlength(name.replace("\n", " "))) for name, _ in entries]
    stride = text_size + text_size // 2 + max(lengths, default=0) + pad
    used = max(1, math.ceil(len(entries) / rows))
    canvas = Image.new("RGB", (pad + used * stride, 2 * pad + rows * pitch), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for position, (name, colour) in enumerate(entries):
        x, y = pad + (position // rows) * stride, pad + (position % rows) * pitch
        top = y + (pitch - text_size) // 2
        draw.rectangle((x, top, x + text_size - 1, top + text_size - 1), fill=tuple(colour), outline=_EDGE)
        draw.text(
            (x + text_size + text_size // 2, y + pitch / 2),
            name.replace("\n", " "),
            _INK,
            font=font,
            anchor="lm",
        )
    return np.array(canvas)


def annotated_overlay(
    image: UInt8[np.ndarray, "H W 3"],
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    alpha: int | float = 0.55,
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """The overlay with a legend of the classes in it, on the right where it fits, else below.

    Args:
      image: [H, W, 3] RGB.
      labels: [H, W] train ids; ids outside 0..C-1 are void.
      space: gives names and colours.
      alpha: share of the colour.

    Returns:
      [h2, w2, 3] RGB; its top left corner is `overlay(image, labels, space, alpha)`.

    Raises:
      InputError: image and labels differ in size, or alpha is not in 0..1.
    """
    picture = overlay(image, labels, space, alpha)
    height, width = labels.shape
    present = [i for i in np.unique(labels).tolist() if 0 <= i < space.classes]
    text = max(12, round(min(height, width) / 26))
    beside = max(12, min(text, int(height / (1.5 * (len(present) + 1)))))
    key = legend(space, present, text_size=beside)
    right = width >= height and key.shape[0] <= height
    if not right:
        column = legend(space, present, text_size=text).shape[1]
        key = legend(space, present, columns=max(1, width // column), text_size=text)
    down, across = (0, width) if right else (height, 0)
    shape = (max(height, down + key.shape[0]), max(width, across + key.shape[1]), 3)
    canvas = np.full(shape, 255, np.uint8)
    canvas[:height, :width] = picture
    canvas[down : down + key.shape[0], across : across + key.shape[1]] = key
    return canvas


def error_map(
    prediction: Integer[np.ndarray, "h w"],
    truth: Integer[np.ndarray, "H W"],
    image: UInt8[np.ndarray, "h3 w3 3"] | None = None,
    *,
    classes: int = VOID,
) -> UInt8[np.ndarray, "H W 3"]:
    """Where a prediction is wrong: wrong pixels red, right ones a dimmed grey image, void ones hatched.

    Args:
      prediction: [H, W] train ids.
      truth: [H, W] train ids; ids outside 0..classes-1 are void, and neither right nor wrong.
      image: [H, W, 3] RGB, shown dimmed under right pixels; None shows them in one grey.
      classes: number of classes C; with the default, every id but 255 is a class.

    Returns:
      [H, W, 3] RGB.

    Raises:
      InputError: the arrays differ in size.

    >>> error_map(np.array([[1, 2, 0]]), np.array([[1, 1, 255]])).tolist()
    [[[96, 96, 96], [255, 68, 56], [26, 28, 34]]]
    """
    _same_size("prediction", prediction, "truth", truth)
    if image is None:
        grey = np.full(truth.shape, 96.0, np.float32)
        strength = np.ones(truth.shape, np.float32)
    else:
        _same_size("image", image, "truth", truth)
        light = image.astype(np.float32) @ np.array((0.299, 0.587, 0.114), np.float32)
        grey, strength = 40.0 + 0.45 * light, 0.75 + 0.25 * light / 255.0
    valid = (truth >= 0) & (truth < classes)
    wrong = valid & (prediction != truth)
    rows, columns = np.indices(truth.shape)
    stripe = ((rows + columns) // 4) % 2 == 1
    void = np.where(stripe[..., None], (62, 66, 78), (26, 28, 34)).astype(np.float32)
    out = np.where(valid[..., None], grey[..., None], void)
    out = np.where(wrong[..., None], strength[..., None] * _WRONG, out)
    return np.floor(out + 0.5).astype(np.uint8)


def save_label_map(path: Path | str, labels: Integer[np.ndarray, "H W"], space: LabelSpace) -> Path:
    """Saves a label map as an 8-bit palette PNG: values are train ids, 255 is void, colours are the classes'.

    Args:
      path: the file, written whole or not at all.
      labels: [H, W] train ids, 0..C-1 or 255.
      space: gives the palette.

    Returns:
      The path.

    Raises:
      InputError: an id is neither a class nor 255, or the file cannot be written.
    """
    path = Path(path)
    unknown = np.setdiff1d(np.unique(labels), [*range(space.classes), VOID])
    if unknown.size:
        raise InputError(
            f"{path}: label ids {unknown[:8].tolist()} are not in 0..{space.classes - 1} or {VOID} (void), "
            f"the train ids of {space.name}; encode the labels first"
        )
    return write_whole(path, label_png(labels, space))


def load_label_map(path: Path | str) -> UInt8[np.ndarray, "H W"]:
    """The train ids of a label map that `save_label_map` wrote, or of any 8-bit PNG of one channel.

    Args:
      path: the file.

    Returns:
      [H, W] ids, 255 for void.

    Raises:
      InputError: the file is missing, cannot be decoded, or has more than one channel or more than 8 bits.
    """
    picture = open_picture(path)
    if picture.mode not in ("P", "L"):
        raise InputError(
            f"{path}: a picture of mode {picture.mode} is no label map; an 8-bit PNG of one channel is wanted"
        )
    return np.array(picture, np.uint8)


def open_picture(path: Path | str) -> Image.Image:
    """A picture, decoded.

    Raises:
      InputError: the file is missing or cannot be decoded.
    """
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path}: cannot be decoded as a picture ({type(error).__name__}); is it complete?"
        ) from error


def label_png(labels: Integer[np.ndarray, "H W"], space: LabelSpace) -> bytes:
    """The bytes of the palette PNG that `save_label_map` writes."""
    height, width = labels.shape
    picture = Image.frombytes("P", (width, height), np.ascontiguousarray(labels, np.uint8).tobytes())
    picture.putpalette(
        [value for colour in space.palette for value in colour] + [0] * (768 - 3 * space.classes)
    )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _same_size(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    if first.shape[:2] != second.shape[:2]:
        sizes = [
            f"{name} {a.shape[0]}x{a.shape[1]}" for name, a in ((first_name, first), (second_name, second))
        ]
        raise InputError(
            f"{sizes[0]} and {sizes[1]} (height x width) differ in size; resize one to the other"
        )
