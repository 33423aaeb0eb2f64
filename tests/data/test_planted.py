"""Planted noise: which labels are wrong is known, the same every time, and nothing else is changed."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from jaxseg.data import Planted
from jaxseg.errors import InputError
from tests.tiny import Blocks, Patches

CLEAN: Any = Blocks(count=10, size=(8, 12))


@pytest.mark.fast
@pytest.mark.parametrize("kind", ["classes", "pixels"])
def test_what_is_planted_is_wrong_and_what_is_not_is_as_it_was(kind: str) -> None:
    clean, noisy = CLEAN.source("train"), Planted(CLEAN, kind=kind).source("train")
    assert len(noisy) == len(clean)
    whole = 0
    for index, truth in enumerate(clean):
        given = noisy[index]
        wrong, known = given["planted"], truth["label"] < 3
        np.testing.assert_array_equal(given["label"] != truth["label"], wrong)
        np.testing.assert_array_equal(given["image"], truth["image"])
        assert (given["id"], given["label"].dtype) == (truth["id"], np.uint8)
        assert not wrong[~known].any()
        assert given["label"][known].max() < 3
        if wrong.sum() == known.sum():
            whole += 1
            continue
        rows, columns = np.where(wrong)
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        assert wrong[box].shape <= (4, 6)
        np.testing.assert_array_equal(wrong[box], known[box])
    assert whole == 5


def test_classes_are_exchanged_as_a_whole_and_otherwise_in_every_image() -> None:
    noisy, clean = Planted(CLEAN, whole=1.0).source("train"), CLEAN.source("train")
    maps = set()
    for index, truth in enumerate(clean):
        found = {int(c): set(noisy[index]["label"][truth["label"] == c].tolist()) for c in range(3)}
        assert all(len(images) == 1 for images in found.values())
        maps.add(tuple(min(found[c]) for c in range(3)))
    assert maps == {(1, 2, 0), (2, 0, 1)}


def test_it_is_a_function_of_the_seed_and_leaves_other_splits() -> None:
    one, same, other = (Planted(CLEAN, seed=seed).source("train") for seed in (0, 0, 1))
    labels = [np.stack([source[index]["label"] for index in range(10)]) for source in (one, same, other)]
    np.testing.assert_array_equal(labels[0], labels[1])
    assert (labels[0] != labels[2]).any()
    noisy = Planted(CLEAN)
    for split in ("val", "test"):
        for index, truth in enumerate(CLEAN.source(split)):
            given = noisy.source(split)[index]
            np.testing.assert_array_equal(given["label"], truth["label"])
    assert (noisy.name, noisy.labels, noisy.has("val")) == ("blocks-0-planted", CLEAN.labels, True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"whole": 1.5}, "whole: 1.5; it is a share"),
        ({"region": -0.1}, "region: -0.1; it is a share"),
        ({"kind": "images"}, "kind: 'images' is not known"),
        ({"clean": Patches()}, "patches-0 has one label an image"),
    ],
)
def test_fields_that_cannot_be_are_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        dataclasses.replace(Planted(CLEAN), **fields).source("train")
