"""Decoding: the fast way gives the pixels that Pillow gives, and leaves to it what it cannot read."""

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from jaxseg.data._images import decode_image, decode_label, orientation
from jaxseg.data._png import decode_png
from jaxseg.errors import InputError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (19, 31), dtype=np.uint8)
RGB = np.cumsum(RNG.integers(0, 9, (19, 31, 3), dtype=np.uint8), axis=1, dtype=np.uint8)


def encoded(picture: Image.Image, kind: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def gamma() -> PngImagePlugin.PngInfo:
    """A file that asks for another brightness: neither reader heeds it."""
    information = PngImagePlugin.PngInfo()
    information.add(b"gAMA", (100000).to_bytes(4, "big"))
    return information


@pytest.mark.fast
@pytest.mark.parametrize(
    "options",
    [{}, {"compress_level": 0}, {"compress_level": 9}, {"transparency": (1, 2, 3)}, {"pnginfo": gamma()}],
)
def test_plain_png_is_decoded_fast_and_exactly(options: dict[str, Any]) -> None:
    image = encoded(Image.fromarray(RGB), **options)
    options = {**options, "transparency": 3} if "transparency" in options else options
    label = encoded(Image.fromarray(GREY), **options)
    fast, ids = decode_png(image, 3), decode_png(label, 1)
    assert fast is not None
    assert ids is not None
    np.testing.assert_array_equal(fast, RGB)
    np.testing.assert_array_equal(ids[..., 0], GREY)
    np.testing.assert_array_equal(decode_image(image, "x"), RGB)
    np.testing.assert_array_equal(decode_label(label, "x"), GREY)
    assert decode_label(label, "x").shape == GREY.shape
    assert decode_png(image, 1) is None
    assert decode_png(label, 3) is None


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16"])
def test_other_png_is_left_to_pillow(mode: str) -> None:
    deep = Image.fromarray(GREY.astype(np.uint16))
    picture = deep if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    bytes_ = encoded(picture)
    assert decode_png(bytes_, 3) is None
    opened = Image.open(io.BytesIO(bytes_))
    if mode == "I;16":  # Pillow would cut its levels off at 255
        with pytest.raises(
            InputError, match=r"^x: an image has 8 bits a channel, and this one is grey of mode I;16; "
        ):
            decode_image(bytes_, "x")
    else:
        np.testing.assert_array_equal(decode_image(bytes_, "x"), np.asarray(opened.convert("RGB")))
    if mode in ("P", "L"):
        np.testing.assert_array_equal(decode_label(bytes_, "x"), np.asarray(picture))
    else:
        with pytest.raises(InputError, match=r"^x: a label image has one 8-bit channel"):
            decode_label(bytes_, "x")


def test_jpeg_is_pillows() -> None:
    bytes_ = encoded(Image.fromarray(RGB), "jpeg")
    assert decode_png(bytes_, 3) is None
    np.testing.assert_array_equal(decode_image(bytes_, "x"), np.asarray(Image.open(io.BytesIO(bytes_))))


@pytest.mark.parametrize("damage", ["half", "start", "flipped"])
def test_damage_is_told_as_pillow_tells_it(damage: str) -> None:
    whole = encoded(Image.fromarray(RGB), compress_level=0)
    broken = {
        "half": whole[: len(whole) // 2],
        "start": b"\x00" + whole[1:],
        "flipped": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],
    }[damage]
    assert decode_png(broken, 3) is None
    with pytest.raises(InputError, match=r"^x: not a readable image"):
        decode_image(broken, "x")


def png(bits: int, colour: int, row: bytes) -> bytes:
    """A file of one row of 8 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
        )

    header = (8).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([bits, colour, 0, 0, 0])
    packed = zlib.compress(b"\0" + row)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_labels_of_few_bits_are_named_for_readers_spread_them(bits: int) -> None:
    bytes_ = png(bits, 0, bytes([0b00011011] * bits))
    assert Image.open(io.BytesIO(bytes_)).size == (8, 1)
    with pytest.raises(
        InputError, match=rf"^x: a grey label image has 8 bits a pixel, and this one has {bits}, "
    ):
        decode_label(bytes_, "x")


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_images_of_16_bits_are_named_and_not_cut_to_8(colour: int, channels: int) -> None:
    bytes_ = png(16, colour, bytes(range(16 * channels)))
    assert Image.open(io.BytesIO(bytes_)).size == (8, 1)
    with pytest.raises(InputError) as failure:
        decode_image(bytes_, "x")
    assert str(failure.value) == (
        "x: an image has 8 bits a channel, and this one is of 16; bring it to 8 bits by the range that it uses"
    )


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_labels_of_16_bits_are_told_to_be_saved_with_8(kind: str) -> None:
    with pytest.raises(InputError) as failure:
        decode_label(encoded(Image.fromarray(GREY.astype(np.uint16)), kind), "x")
    assert str(failure.value) == (
        "x: a label image has one 8-bit channel that holds class ids, and this one has more bits (I;16); save it with 8"
    )


@pytest.mark.parametrize(
    "limit", [len(RGB) * 20, 100]
)  # from the first on Pillow warns, above twice it refuses
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_large_images_are_read_whole(kind: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    coloured = encoded(Image.fromarray(RGB), kind, exif=exif)
    grey = encoded(Image.fromarray(GREY), kind, exif=exif)
    palette = encoded(Image.fromarray(RGB).convert("P"))
    expected = [np.asarray(Image.open(io.BytesIO(bytes_)).convert("RGB")) for bytes_ in (coloured, grey)]
    ids = np.asarray(Image.open(io.BytesIO(palette)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    for bytes_, pixels in zip((coloured, grey), expected, strict=True):
        np.testing.assert_array_equal(decode_image(bytes_, "x"), pixels)
        assert orientation(bytes_, "x") == 6
    np.testing.assert_array_equal(decode_label(palette, "x"), ids)
    assert limit == Image.MAX_IMAGE_PIXELS
