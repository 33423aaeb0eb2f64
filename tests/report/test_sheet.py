"""The contact sheet puts every picture where its row and column are."""

import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.labels import CAMVID
from jaxseg.report import contact_sheet


@pytest.mark.fast
def test_pictures_stand_in_their_row_and_column() -> None:
    colours = [[(10, 0, 0), (20, 0, 0)], [(30, 0, 0), (40, 0, 0)]]
    rows = [[np.full((5, 10, 3), colour, np.uint8) for colour in row] for row in colours]
    sheet = contact_sheet(rows, ["one", "two"], cell=20)
    top, left = np.argwhere((sheet == (10, 0, 0)).all(-1)).min(0)
    for r, row in enumerate(colours):
        for c, colour in enumerate(row):
            y, x = top + r * (10 + 6), left + c * (20 + 6)
            assert (sheet[y : y + 10, x : x + 20] == colour).all()
    assert (sheet == (255, 255, 255)).all(-1).any()


def test_the_legend_makes_it_taller_and_holds_the_palette() -> None:
    rows = [[np.zeros((5, 10, 3), np.uint8)] * 3]
    plain, keyed = (contact_sheet(rows, ["a", "b", "c"], space=space) for space in (None, CAMVID))
    assert keyed.shape[0] > plain.shape[0]
    found = {tuple(colour) for colour in keyed[plain.shape[0] :].reshape(-1, 3).tolist()}
    assert set(CAMVID.palette) <= found


def test_rows_that_do_not_fit_the_titles_are_refused() -> None:
    with pytest.raises(InputError, match=r"2 titles, rows of \[1\] pictures"):
        contact_sheet([[np.zeros((2, 2, 3), np.uint8)]], ["a", "b"])
