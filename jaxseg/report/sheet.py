"""A contact sheet: pictures in rows under titled columns, with the legend of a label space below."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from jaxseg._sheet import GAP, sheet
from jaxseg.labels import LabelSpace
from jaxseg.report.pictures import legend


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
    if space is None:
        return sheet(rows, titles, cell=cell)
    columns = max(1, (len(titles) * (cell + GAP)) // legend(space).shape[1])
    return sheet(rows, titles, cell=cell, below=legend(space, columns=columns))
