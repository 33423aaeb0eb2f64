"""Pictures in rows under titled columns. NumPy and Pillow only."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxseg.errors import InputError

GAP, INK = 6, (28, 32, 38)


def sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]],
    titles: Sequence[str],
    *,
    cell: int = 256,
    below: UInt8[np.ndarray, "_ _ 3"] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures on a grid, one title a column.

    Args:
      rows: pictures [H, W, 3] of each row, as many as there are titles; each is scaled to the width of a cell, without
        smoothing, so that small maps stay crisp.
      titles: of the columns.
      cell: width of a cell, in pixels.
      below: a picture that stands below the grid as it is, or None.

    Returns:
      [h, w, 3] RGB on white.

    Raises:
      InputError: there is no row, or a row has another number of pictures than there are titles.

    >>> sheet([[np.zeros((2, 4, 3), np.uint8)]], ["image"], cell=40).shape
    (56, 52, 3)
    """
    if not rows or any(len(row) != len(titles) for row in rows):
        raise InputError(
            f"contact sheet: {len(titles)} titles, rows of {[len(row) for row in rows]} pictures"
        )
    font = ImageFont.load_default(size=16)
    scaled = [[_scaled(picture, cell) for picture in row] for row in rows]
    heights = [max(picture.height for picture in row) for row in scaled]
    foot = None if below is None else Image.fromarray(below)
    top = 24 + GAP
    width = GAP + len(titles) * (cell + GAP)
    height = top + sum(heights) + len(heights) * GAP + (foot.height if foot else 0)
    whole = Image.new("RGB", (max(width, foot.width if foot else 0), height), (255, 255, 255))
    draw = ImageDraw.Draw(whole)
    for column, title in enumerate(titles):
        draw.text((GAP + column * (cell + GAP), top / 2), title, INK, font=font, anchor="lm")
    y = top
    for row, tall in zip(scaled, heights, strict=True):
        for column, picture in enumerate(row):
            whole.paste(picture, (GAP + column * (cell + GAP), y))
        y += tall + GAP
    if foot is not None:
        whole.paste(foot, (0, y))
    return np.array(whole)


def _scaled(picture: np.ndarray, width: int) -> Image.Image:
    height = math.ceil(picture.shape[0] * width / picture.shape[1])
    return Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
