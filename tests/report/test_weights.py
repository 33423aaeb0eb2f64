"""Weight maps, counts and their drawings."""

from xml.etree import ElementTree

import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.labels import CAMVID
from jaxseg.report import weight_counts, weight_courses, weight_histograms, weight_map


@pytest.mark.fast
def test_high_weights_are_bright_and_the_range_is_kept() -> None:
    grey = weight_map(np.array([[0.2, 0.4, 0.5, 0.9]]), 0.3, 0.5)
    assert grey.shape == (1, 4, 3)
    assert grey[0, :, 1].tolist() == [0, 128, 255, 255]
    with pytest.raises(InputError, match=r"high: 0\.5 is not above low, 0\.5"):
        weight_map(np.zeros((1, 1)), 0.5, 0.5)


def test_counts_are_those_of_every_class_and_bin() -> None:
    rng = np.random.default_rng(0)
    weights, labels = rng.random((4, 5)), rng.integers(0, 4, (4, 5))
    labels[labels == 3] = 255
    found = weight_counts(weights, labels, 3, bins=4)
    for number in range(3):
        expected = [((weights[labels == number] * 4).astype(int) == place).sum() for place in range(4)]
        assert found[number].tolist() == expected


def test_drawings_name_the_classes_that_have_pixels() -> None:
    counts = np.zeros((CAMVID.classes, 4), np.int64)
    counts[1], counts[3, 2] = (1, 2, 3, 4), 5
    # The mean of class 1: (1 x .125 + 2 x .375 + 3 x .625 + 4 x .875) / 10 = 0.625; of class 3 0.625, too.
    drawn = weight_histograms(counts, CAMVID, prefix="a")
    text = " ".join(ElementTree.fromstring(drawn).itertext())
    assert all(CAMVID.names[number] in text for number in (1, 3))
    assert CAMVID.names[0] not in text
    assert text.count("0.62") == 2
    lines = {2: [(1, 0.5), (9, 0.25)]}
    text = " ".join(ElementTree.fromstring(weight_courses(lines, CAMVID, prefix="b")).itertext())
    assert CAMVID.names[2] in text
    assert "0.25" in text
    with pytest.raises(InputError, match="counts: no class has a pixel"):
        weight_histograms(np.zeros((11, 4), np.int64), CAMVID, prefix="c")
    with pytest.raises(InputError, match="points: there are none"):
        weight_courses({}, CAMVID, prefix="d")
