"""Rare-class sampling: DAFormer's probabilities, drawn by position, and the counts that they rest on."""

import json
import weakref
from collections import Counter
from collections.abc import Callable
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jaxseg.data import CamVid, RareClasses, batches, label_counts, rare_class_probabilities
from jaxseg.errors import InputError

Layout = Callable[..., Path]


def example(number: int, label: list[int]) -> dict[str, Any]:
    return {
        "image": np.full((1, len(label), 3), number, np.uint8),
        "label": np.array([label], np.uint8),
        "id": f"image{number}",
    }


# Class 0 in all, class 1 in two images, class 2 in one, void in some; class 3 occurs nowhere.
SOURCE = [
    example(0, [0, 0, 0, 0, 255, 255]),
    example(1, [0, 0, 0, 0, 1, 1]),
    example(2, [0, 0, 0, 1, 1, 1]),
    example(3, [0, 0, 0, 0, 2, 2]),
]


@pytest.mark.fast
def test_probabilities_are_daformers_softmax() -> None:
    counts = np.array([700, 250, 50, 0])
    for temperature in (0.01, 0.5, 10.0):
        weights = [np.exp((1 - n / 1000) / temperature) for n in counts[:3]]
        expected = [*(w / sum(weights) for w in weights), 0.0]
        np.testing.assert_allclose(rare_class_probabilities(counts, temperature), expected, rtol=1e-12)
    assert rare_class_probabilities(np.array([10**9, 1]), 1e-4).tolist() == [0.0, 1.0]  # exp would overflow
    assert rare_class_probabilities(np.zeros(3, np.int64)).tolist() == [0.0, 0.0, 0.0]


def test_classes_and_images_are_drawn_as_often_as_stated() -> None:
    drawn = batches({"source": SOURCE}, 50, seed=1, sampling={"source": RareClasses(0.5, pixels=0)})
    seen = Counter(chain.from_iterable(b["source"]["image"][:, 0, 0, 0].tolist() for b in islice(drawn, 80)))
    f = np.array([15, 5, 2]) / 22
    p = np.exp((1 - f) / 0.5) / np.exp((1 - f) / 0.5).sum()
    expected = [p[0] / 4, p[0] / 4 + p[1] / 2, p[0] / 4 + p[1] / 2, p[0] / 4 + p[2]]
    np.testing.assert_allclose([seen[k] / 4000 for k in range(4)], expected, atol=0.03)


def test_only_images_with_more_than_the_pixels_show_a_class() -> None:
    drawn = batches({"source": SOURCE[:3]}, 20, seed=1, sampling={"source": RareClasses(0.01, pixels=2)})
    seen = set(chain.from_iterable(b["source"]["image"][:, 0, 0, 0].tolist() for b in islice(drawn, 5)))
    assert seen == {2}  # class 1 is the rare one, and only image 2 has three pixels of it


@pytest.mark.fast
def test_the_order_is_the_same_for_any_thread_count_resumes_and_is_shared_out() -> None:
    def make(batch: int, **options: Any) -> Any:
        sources = {"source": SOURCE, "target": SOURCE}
        return batches(sources, batch, seed=7, sampling={"source": RareClasses(1.0, pixels=0)}, **options)

    def numbers(batch: dict[str, Any]) -> list[int]:
        return [
            *batch["source"]["image"][:, 0, 0, 0].tolist(),
            *batch["target"]["image"][:, 0, 0, 0].tolist(),
        ]

    alone = [numbers(b) for b in islice(make(6, threads=0), 8)]
    assert [numbers(b) for b in islice(make(6, threads=3), 8)] == alone
    iterator = make(6)
    for _ in range(5):
        next(iterator)
    resumed = make(6)
    resumed.set_state(json.loads(json.dumps(iterator.get_state())))
    assert [numbers(b) for b in islice(resumed, 3)] == alone[5:]
    shards = [islice(make(2, process_index=k, process_count=3), 8) for k in range(3)]
    for whole, parts in zip(alone, zip(*shards, strict=True), strict=True):
        assert [n for p in parts for n in numbers(p)[:2]] == whole[:6]
    plain = batches({"source": SOURCE, "target": SOURCE}, 6, seed=7)
    assert [numbers(b)[6:] for b in islice(plain, 8)] == [row[6:] for row in alone]  # the target is as it was


def test_classification_counts_images() -> None:
    source = [{"image": np.zeros((2, 2, 3), np.uint8), "label": k, "id": ""} for k in (0, 0, 0, 4, 255)]
    assert label_counts(source).sum(axis=0)[[0, 1, 4, 255]].tolist() == [3, 0, 1, 1]
    drawn = next(batches({"source": source}, 40, seed=0, sampling={"source": RareClasses(0.01, pixels=0)}))
    assert drawn["source"]["label"].tolist() == [4] * 40
    assert drawn["source"]["label"].dtype == np.int32


def test_counts_of_a_prepared_set_are_kept_and_follow_a_selection(camvid_folder: Layout, cache: Path) -> None:
    folder = camvid_folder()
    source = CamVid(folder).source("train")
    counts = label_counts(source)
    for index, one in enumerate(source):
        raw = np.asarray(Image.open(folder / "trainannot" / f"{one['id']}.png"))
        expected = [(raw == k).sum() for k in range(11)]
        assert counts[index, :11].tolist() == expected
        assert counts[index, 255] == (raw == 11).sum()
    (kept,) = cache.glob("camvid/*/counts-train.npy")
    few = CamVid(folder, sequences=("0016E5",)).source("train")
    np.testing.assert_array_equal(label_counts(few), counts[2:])
    kept.write_bytes(b"torn")  # counted anew
    np.testing.assert_array_equal(label_counts(source), counts)
    np.save(kept, np.zeros((4, 256), np.uint32))  # what is kept is what is read
    assert label_counts(source).sum() == 0


class Watched:
    """Examples that are made when asked for, and know how many label maps there are at a time."""

    def __init__(self) -> None:
        self.alive = self.most = 0

    def __len__(self) -> int:
        return 50

    def __getitem__(self, index: int, /) -> dict[str, Any]:
        label = np.full((2, 2), index, np.uint8)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(label, self._gone)
        return {"image": np.zeros((2, 2, 3), np.uint8), "label": label}

    def _gone(self) -> None:
        self.alive -= 1


def test_labels_are_counted_one_by_one() -> None:
    source = Watched()
    np.testing.assert_array_equal(label_counts(source, threads=1), 4 * np.eye(50, 256, dtype=int))
    assert source.most == 1
    assert label_counts([]).shape == (0, 256)


@pytest.mark.parametrize(
    ("sampling", "says"),
    [
        ({"target": RareClasses()}, "sampling: there is no domain 'target'"),
        ({"source": RareClasses(pixels=2)}, r"more than 2 pixels of class 2 \(at most 2\); lower"),
    ],
)
def test_what_cannot_be_sampled_is_named(sampling: dict[str, RareClasses], says: str) -> None:
    with pytest.raises(InputError, match=says):
        batches({"source": SOURCE}, 2, seed=0, sampling=sampling)


def test_labels_that_are_all_void_are_named() -> None:
    void = {"source": [example(0, [255, 255])]}
    with pytest.raises(InputError, match="every pixel is void"):
        batches(void, 2, seed=0, sampling={"source": RareClasses(pixels=0)})


@pytest.mark.parametrize("fields", [{"temperature": 0.0}, {"temperature": -1.0}, {"pixels": -1}])
def test_bad_fields_are_named(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(fields))):
        RareClasses(**fields)
