"""Batches: order by seed and epoch, the same for any thread count, resumed exactly, shared out among processes."""

import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jaxseg.data import BatchIterator, batches, evaluation_batches
from jaxseg.errors import InputError


def numbered(count: int, first: int = 0, size: tuple[int, int] = (2, 3)) -> list[dict[str, Any]]:
    """Examples whose pixels say which they are."""
    return [
        {
            "image": np.full((*size, 3), first + index, np.uint8),
            "label": np.full(size, index % 5, np.uint8),
            "id": f"image{first + index}",
        }
        for index in range(count)
    ]


def numbers(batch: dict[str, Any], domain: str = "source") -> list[int]:
    return batch[domain]["image"][:, 0, 0, 0].tolist()


def order(iterator: Iterator[Any], steps: int, domain: str = "source") -> list[int]:
    return [number for batch in islice(iterator, steps) for number in numbers(batch, domain)]


@pytest.mark.fast
def test_epochs_are_complete_and_reshuffled() -> None:
    seen = order(batches({"source": numbered(10)}, 4, seed=3), 10)  # four epochs; batches straddle their ends
    epochs = [seen[first : first + 10] for first in range(0, 40, 10)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_batches_hold_images_and_labels_of_the_same_examples() -> None:
    batch = next(batches({"source": numbered(10)}, 4, seed=3))
    assert set(batch) == {"source"}
    assert set(batch["source"]) == {"image", "label"}
    assert batch["source"]["image"].shape == (4, 2, 3, 3)
    assert batch["source"]["label"].shape == (4, 2, 3)
    assert batch["source"]["image"].dtype == batch["source"]["label"].dtype == np.uint8
    np.testing.assert_array_equal(batch["source"]["label"], batch["source"]["image"][..., 0] % 5)


@pytest.mark.fast
def test_the_seed_decides_and_the_thread_count_does_not() -> None:
    sources = {"source": numbered(20), "target": numbered(7, 100)}
    streams = [
        [
            json.dumps([numbers(b), numbers(b, "target")])
            for b in islice(batches(sources, 3, seed=5, threads=n), 25)
        ]
        for n in (0, 1, 2, 5)
    ]
    assert all(stream == streams[0] for stream in streams)
    assert order(batches(sources, 3, seed=6), 25) != order(batches(sources, 3, seed=5), 25)


def test_a_seed_is_not_another_one_an_epoch_later() -> None:
    """With the epoch added to the seed, as Grain's shuffle does it, seeds 0 and 1 would share all epochs but one."""
    zero, one = (order(batches({"source": numbered(8)}, 8, seed=seed), 6) for seed in (0, 1))
    epochs = [{tuple(seen[i : i + 8]) for i in range(0, 48, 8)} for seen in (zero, one)]
    assert not epochs[0] & epochs[1]


def test_the_source_order_does_not_depend_on_the_target() -> None:
    alone = order(batches({"source": numbered(9)}, 2, seed=1), 12)
    for target in (numbered(4, 50), numbered(31, 50)):
        iterator = batches({"target": target, "source": numbered(9)}, 2, seed=1)
        assert order(iterator, 12) == alone
    both = batches({"source": numbered(9), "target": numbered(9)}, 2, seed=1)
    assert order(both, 12, "target") != alone  # a domain is not shuffled as another


@pytest.mark.fast
@pytest.mark.parametrize("threads", [0, 3])
def test_the_state_resumes_exactly(threads: int) -> None:
    def fresh() -> BatchIterator:
        return batches({"source": numbered(10), "target": numbered(7, 100)}, 4, seed=2, threads=threads)

    iterator, states, seen = fresh(), [], []
    assert isinstance(iterator, BatchIterator)
    for _ in range(12):
        states.append(json.dumps(iterator.get_state()))
        batch = next(iterator)
        seen.append(numbers(batch) + numbers(batch, "target"))
    for step in (0, 1, 5, 11):
        resumed = fresh()
        resumed.set_state(json.loads(states[step]))
        assert resumed.get_state() == json.loads(states[step])
        again = [numbers(batch) + numbers(batch, "target") for batch in islice(resumed, 12 - step)]
        assert again == seen[step:]
    iterator.set_state(json.loads(states[3]))  # back, with batches read ahead already
    assert [numbers(b) + numbers(b, "target") for b in islice(iterator, 9)] == seen[3:]


def test_an_orbax_checkpoint_holds_the_position(tmp_path: Path) -> None:
    import grain
    import orbax.checkpoint as ocp

    def fresh() -> BatchIterator:
        return batches({"source": numbered(10)}, 4, seed=2)

    iterator = fresh()
    order(iterator, 5)
    with ocp.CheckpointManager(tmp_path) as manager:
        manager.save(5, args=ocp.args.Composite(data=grain.checkpoint.CheckpointSave(iterator)))
        manager.wait_until_finished()
        resumed = fresh()
        manager.restore(5, args=ocp.args.Composite(data=grain.checkpoint.CheckpointRestore(resumed)))
    assert order(resumed, 7) == order(iterator, 7)


@pytest.mark.fast
def test_processes_share_out_what_one_would_have_had() -> None:
    sources = {"source": numbered(10), "target": numbered(7, 100)}
    alone = list(islice(batches(sources, 6, seed=4), 10))
    shards = [
        list(islice(batches(sources, 2, seed=4, process_index=index, process_count=3), 10))
        for index in range(3)
    ]
    for step, whole in enumerate(alone):
        for domain in sources:
            parts = [numbers(shard[step], domain) for shard in shards]
            assert list(chain(*parts)) == numbers(whole, domain)


def test_shards_are_disjoint_and_together_the_epoch() -> None:
    shards = [
        order(batches({"source": numbered(12)}, 2, seed=4, process_index=index, process_count=3), 2)
        for index in range(3)
    ]
    assert sorted(chain(*shards)) == list(range(12))


def test_a_batch_larger_than_the_data_set_goes_round() -> None:
    seen = numbers(next(batches({"source": numbered(3)}, 7, seed=0)))
    assert sorted(seen[:3]) == sorted(seen[3:6]) == [0, 1, 2]


def test_images_of_different_sizes_are_named() -> None:
    mixed = numbered(3) + numbered(3, 3, size=(4, 3))
    with pytest.raises(InputError, match=r"target: .*image\d is 3x[24], image\d 3x[24].*resize"):
        next(batches({"source": numbered(6), "target": mixed}, 6, seed=0))
    with pytest.raises(InputError, match=r"image2 is 3x2, image3 3x4.*resize.*batch of 1"):
        list(evaluation_batches(mixed, 2, process_count=2, process_index=1))


def test_an_evaluation_has_batches_of_each_size() -> None:
    mixed = numbered(3) + numbered(2, 3, size=(4, 3)) + numbered(1, 5)
    parts = list(evaluation_batches(mixed, 4))
    assert [part["image"].shape[:2] for part in parts] == [(4, 2), (4, 4), (4, 4), (4, 2)]
    assert [part["index"] for part in parts] == [
        [0, 1, 2, -1],
        [3, -1, -1, -1],
        [4, -1, -1, -1],
        [5, -1, -1, -1],
    ]
    for part in parts:
        for row, index in enumerate(part["index"]):
            for field in ("image", "label"):
                known = mixed[index][field] if index >= 0 else {"image": 0, "label": 255}[field]
                np.testing.assert_array_equal(
                    part[field][row], np.broadcast_to(known, part[field][row].shape)
                )
        assert part["id"] == [mixed[index]["id"] if index >= 0 else "" for index in part["index"]]


def test_a_label_that_is_not_of_its_images_size_is_named() -> None:
    mixed = numbered(3)
    mixed[1]["label"] = np.zeros((2, 2), np.uint8)
    with pytest.raises(
        InputError, match=r"source: the label of image1 is \(2, 2\), its image \(2, 3\); they"
    ):
        next(batches({"source": mixed}, 3, seed=0))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch": 0}, "batch: 0"),
        ({"threads": -1}, "threads: -1"),
        ({"process_index": 2, "process_count": 2}, "process_index: 2 of 2"),
        ({"sources": {}}, "sources: none"),
        ({"sources": {"source": []}}, "source: no images"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], says: str) -> None:
    arguments = {"sources": {"source": numbered(4)}, "batch": 2, "seed": 0} | options
    with pytest.raises(InputError, match=says):
        batches(arguments.pop("sources"), arguments.pop("batch"), **arguments)


@pytest.mark.fast
@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("count", [1, 4, 5, 8])
def test_evaluation_is_in_order_and_padded_with_void(count: int, threads: int) -> None:
    examples = numbered(count)
    parts = list(evaluation_batches(examples, 4, threads=threads))
    assert len(parts) == -(-count // 4)
    for field in ("image", "label"):
        rows = np.concatenate([part[field] for part in parts])
        assert rows.dtype == np.uint8
        np.testing.assert_array_equal(rows[:count], np.stack([example[field] for example in examples]))
        assert (rows[count:] == (255 if field == "label" else 0)).all()
    ids = [name for part in parts for name in part["id"]]
    assert ids == [example["id"] for example in examples] + [""] * (len(ids) - count)
    assert all(len(part["id"]) == 4 for part in parts)


@pytest.mark.parametrize("count", [1, 5, 6, 7, 12])
def test_evaluation_shares_are_equally_long_and_complete(count: int) -> None:
    shares = [
        list(evaluation_batches(numbered(count), 2, process_index=index, process_count=3))
        for index in range(3)
    ]
    assert len({len(share) for share in shares}) == 1
    ids = [name for step in zip(*shares, strict=True) for part in step for name in part["id"]]
    assert ids[:count] == [f"image{index}" for index in range(count)]
    assert set(ids[count:]) <= {""}


def test_evaluation_needs_an_image() -> None:
    with pytest.raises(InputError, match="no images"):
        evaluation_batches([], 2)
