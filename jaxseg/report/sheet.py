"""A contact sheet: pictures in rows under titled columns, with the legend of a label space below."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxseg.errors import InputError
from jaxseg.labels import LabelSpace
from jaxseg.report.pictures import legend

_GAP, _INK = 6, (28, 32, 38)


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]],
    titles: Sequence[str],
    *,
    space: LabelSpace | None = None,
    cell: int = 256,
) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures on a grid, one title a column.

    Args:
      rows: pictures [H, W, 3] of each row, as many as there are titles; each is scaled to the width of a cell, without
        smoothing, so that small label maps stay crisp.
      titles: of the columns.
      space: with it, the legend of its classes stands below.
      cell: width of a cell, in pixels.

    Returns:
      [h, w, 3] RGB on white.

    Raises:
      InputError: there is no row, or a row has another number of pictures than there are titles.

    >>> grey = np.full((2, 4, 3), 100, np.uint8)
    >>> contact_sheet([[grey, grey]], ["image", "truth"], cell=40).shape[1]
    98
    """
    if not rows or any(len(row) != len(titles) for row in rows):
        raise InputError(
            f"contact sheet: {len(titles)} titles, rows of {[len(row) for row in rows]} pictures"
        )
    font = ImageFont.load_default(size=16)
    scaled = [[_scaled(picture, cell) for picture in row] for row in rows]
    heights = [max(picture.height for picture in row) for row in scaled]
    key = None
    if space is not None:
        columns = max(1, (len(titles) * (cell + _GAP)) // (legend(space).shape[1]))
        key = Image.fromarray(legend(space, columns=columns))
    top = 24 + _GAP
    width = _GAP + len(titles) * (cell + _GAP)
    height = top + sum(heights) + len(heights) * _GAP + (key.height if key else 0)
    sheet = Image.new("RGB", (max(width, key.width if key else 0), height), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        draw.text((_GAP + column * (cell + _GAP), top / 2), title, _INK, font=font, anchor="lm")
    y = top
    for row, tall in zip(scaled, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (_GAP + column * (cell + _GAP), y))
        y += tall + _GAP
    if key is not None:
        sheet.paste(key, (0, y))
    return np.array(sheet)


def _scaled(picture: np.ndarray, width: int) -> Image.Image:
    height = math.ceil(picture.shape[0] * width / picture.shape[1])
    return Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
