"""Encoded images and label images: read, checked, decoded, encoded; every failure names the file.

Pillow decodes, TensorStore where it is faster; both let other threads run while they do.
"""

import io
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, JpegImagePlugin, PngImagePlugin

from jaxseg.data._png import decode_png
from jaxseg.errors import InputError

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_BITS, _COLOUR = 24, 25  # where a PNG's header has the bits a channel, and the colour type: 0 is grey
_READERS = ((_PNG, PngImagePlugin.PngImageFile), (_JPEG, JpegImagePlugin.JpegImageFile))


def read(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
      InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def decode_image(encoded: bytes, origin: str) -> np.ndarray:
    """[H, W, 3] uint8 RGB of an encoded image; grey images and palettes become RGB, an alpha channel is dropped.

    Args:
      encoded: bytes of a PNG, JPEG or other image.
      origin: where they come from, for the message.

    Raises:
      InputError: the bytes are no image, stop early, or have more than 8 bits a channel.
    """
    pixels = decode_png(encoded, 3)
    if pixels is not None:
        return pixels
    picture = opened(encoded, origin)
    if _png_bits(encoded) == 16 and encoded[_COLOUR] != 0:  # of colours Pillow drops the low byte
        raise _too_deep("of 16", origin)
    return rgb(picture, origin)


def rgb(picture: Image.Image, origin: str) -> np.ndarray:
    """[H, W, 3] uint8 RGB of a picture.

    Raises:
      InputError: its numbers are no grey levels 0 to 255, and would be cut off there.
    """
    if picture.mode.startswith(("I", "F")):
        raise _too_deep(f"grey of mode {picture.mode}", origin)
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _too_deep(kind: str, origin: str) -> InputError:
    return InputError(
        f"{origin}: an image has 8 bits a channel, and this one is {kind}; bring it to 8 bits by the range that it uses"
    )


def decode_label(encoded: bytes, origin: str) -> np.ndarray:
    """[H, W] uint8 ids of a label image: the values of a grey one, the indices of one with a palette.

    Args:
      encoded: bytes of an 8-bit single-channel image.
      origin: where they come from, for the message.

    Raises:
      InputError: the bytes are no image, stop early, or are not one channel of 8 bits.
    """
    bits = _png_bits(encoded)
    if bits in (2, 4) and encoded[_COLOUR] == 0:
        raise InputError(
            f"{origin}: a grey label image has 8 bits a pixel, and this one has {bits}, which readers spread over 0 to "
            "255; save it with 8"
        )
    pixels = decode_png(encoded, 1)
    if pixels is not None:
        return pixels[..., 0]
    picture = opened(encoded, origin)
    if picture.mode not in ("L", "P"):
        other = f"is {'+'.join(picture.getbands())} ({picture.mode}); convert it to class ids"
        if picture.mode.startswith("I"):
            other = f"has more bits ({picture.mode}); save it with 8"
        raise InputError(
            f"{origin}: a label image has one 8-bit channel that holds class ids, and this one {other}"
        )
    return np.asarray(picture)


def _png_bits(encoded: bytes) -> int | None:
    """Bits a channel (or an index) of a PNG by its header; None for everything else."""
    return encoded[_BITS] if encoded.startswith(_PNG) and len(encoded) > _COLOUR else None


def orientation(encoded: bytes, origin: str) -> int:
    """How a camera says its picture is to be turned, by EXIF, 2 to 8; 1 is not at all, as is what EXIF does not know.

    Raises:
      InputError: the bytes are no image, or stop early.
    """
    try:
        mark = undecoded(encoded).getexif().get(ExifTags.Base.Orientation, 1)
    except Exception as error:  # PIL's plugins let many types through
        raise _unreadable(origin, error) from error
    return mark if mark in range(2, 9) else 1


def encode_png(pixels: np.ndarray, level: int = 1) -> bytes:
    """A uint8 array [H, W] or [H, W, 3] as PNG.

    Args:
      pixels: the image.
      level: how hard to pack, 0 (not at all) to 9. What is decoded many times is packed lightly.
    """
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=level)
    return buffer.getvalue()


def resize(pixels: np.ndarray, size: tuple[int, int], *, label: bool = False) -> np.ndarray:
    """Pixels at (height, width): bicubic and antialiased for an image, the nearest pixel for a label."""
    method = Image.Resampling.NEAREST if label else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize((size[1], size[0]), method))


def opened(encoded: bytes, origin: str) -> Image.Image:
    """The decoded picture.

    Raises:
      InputError: the bytes are no image, or stop early.
    """
    try:
        picture = undecoded(encoded)
        picture.load()
    except Exception as error:  # PIL's plugins let many types through
        raise _unreadable(origin, error) from error
    return picture


def undecoded(encoded: bytes) -> ImageFile.ImageFile:
    """The picture by its header, of any size; what Pillow raises of bytes that are no image."""
    # `Image.open` takes large pictures for attacks, by a limit that is one for all threads and for the user's own code;
    # a data set's are meant. So PNG and JPEG are given to Pillow's readers of them, which have no limit.
    reader = next((reader for start, reader in _READERS if encoded.startswith(start)), Image.open)
    return reader(io.BytesIO(encoded))


def _unreadable(origin: str, error: Exception) -> InputError:
    text = " ".join(str(error).split())
    reason = "unknown format" if "cannot identify image file" in text else text or type(error).__name__
    return InputError(f"{origin}: not a readable image ({reason}); replace the file")
