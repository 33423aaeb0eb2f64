"""Preparation: whole or not at all, the same bytes every time, no TensorFlow, no network."""

import dataclasses
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from jaxseg.data import CamVid, DataSource, _cache, camvid
from jaxseg.data._cache import prepared_once
from jaxseg.errors import InputError

Layout = Callable[..., Path]

OTHER_PROCESS = """
import socket, sys
def refuse(*_, **__): raise AssertionError("the network was used")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
import jaxseg.data
heavy = [m for m in ("tensorflow", "torch", "tensorflow_datasets", "grain", "ott") if m in sys.modules]
assert not heavy, heavy
from pathlib import Path
source = jaxseg.data.CamVid(Path(sys.argv[1])).source("train")
batch = next(jaxseg.data.batches({"source": source}, 2, seed=0))
next(jaxseg.data.evaluation_batches(source, 2))
heavy = [m for m in ("tensorflow", "torch", "ott") if m in sys.modules]
assert not heavy, heavy
print(batch["source"]["image"].shape)
"""


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_two_preparations_are_byte_identical_without_tensorflow_or_network(
    camvid_folder: Layout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = camvid_folder()
    CamVid(folder).source("train")
    monkeypatch.setenv("JAXSEG_CACHE", str(cache.with_name("other")))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", OTHER_PROCESS, folder],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "(2, 24, 32, 3)\n"
    assert ran.stderr.startswith("preparing camvid: 9 images (differs from the full data set: ")
    assert ran.stderr.count("\n") == 1
    one, two = files(cache), files(cache.with_name("other"))
    assert one == two
    assert sum(".array_record-" in name for name in one) == 3


def test_cache_is_in_the_home_folder_unless_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAXSEG_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _cache.cache_folder() == tmp_path / ".cache" / "jaxseg"


@pytest.mark.fast
def test_what_a_killed_preparation_left_is_removed_and_not_used(camvid_folder: Layout, cache: Path) -> None:
    data = CamVid(camvid_folder())
    data.source("train")
    (complete,) = cache.glob("camvid/[!.]*")
    complete.rename(complete.with_name(f".{complete.name}.killed.partial"))
    (complete.with_name(f".{complete.name}.killed.partial") / "index.json").unlink()
    assert len(data.source("train")) == 4
    assert sorted(path.name for path in (cache / "camvid").iterdir()) == [".lock", complete.name]


@pytest.mark.parametrize("failure", [RuntimeError("a bug"), KeyboardInterrupt(), InputError("bad image")])
def test_nothing_stays_of_a_preparation_that_fails(cache: Path, failure: BaseException) -> None:
    def write(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise failure

    with pytest.raises(type(failure)):
        prepared_once("set", {}, write)
    assert [path.name for path in (cache / "set").iterdir()] == [".lock"]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Files cannot grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [2_000, 30_000])
def test_a_full_disk_leaves_nothing(camvid_folder: Layout, cache: Path, size: int) -> None:
    data = CamVid(camvid_folder(size=(96, 128)))
    with (
        at_most(size),
        pytest.raises(InputError, match=r"cannot write prepared data to .*JAXSEG_CACHE") as failure,
    ):
        data.source("train")
    assert "\n" not in str(failure.value)
    assert [path.name for path in (cache / "camvid").iterdir()] == [".lock"]
    assert len(data.source("train")) == 4


def test_a_cache_that_cannot_be_written_is_named(camvid_folder: Layout, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(InputError, match=f"cannot write prepared data to {cache}"):
        CamVid(camvid_folder()).source("train")


@pytest.mark.parametrize("locks", [True, False])
def test_of_two_at_once_one_wins(cache: Path, monkeypatch: pytest.MonkeyPatch, locks: bool) -> None:
    if not locks:

        def no_locks(*_: object) -> None:
            raise OSError("no locks available")

        monkeypatch.setattr(_cache.fcntl, "flock", no_locks)
    wrote, found = [], []

    def write(folder: Path) -> None:
        wrote.append(folder)
        time.sleep(0.2)
        (folder / "records").write_text("whole")

    threads = [
        threading.Thread(target=lambda: found.append(prepared_once("set", {}, write))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert (found[0] / "records").read_text() == "whole"
    assert len(wrote) == (1 if locks else 3)
    assert {path.name for path in (cache / "set").iterdir()} == {".lock", found[0].name}


def test_fingerprint_depends_on_the_label_map(camvid_folder: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    data = CamVid(camvid_folder())
    data.source("train")
    without_sky = {**camvid.CAMVID.ids, 0: 255}
    monkeypatch.setattr(camvid, "CAMVID", dataclasses.replace(camvid.CAMVID, ids=without_sky))
    assert not (data.source("train")[0]["label"] == 0).any()


@pytest.fixture
def prepared(camvid_folder: Layout, cache: Path) -> tuple[CamVid, Path]:
    data = CamVid(camvid_folder())
    data.source("train")
    (folder,) = cache.glob("camvid/[!.]*")
    return data, folder


def test_a_damaged_record_is_named(prepared: tuple[CamVid, Path]) -> None:
    data, folder = prepared
    (path,) = folder.glob("*-train.array_record-*")
    content = bytearray(path.read_bytes())
    middle = content.find(b"0016E5_00390") + 40
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    source = data.source("train")
    with pytest.raises(InputError, match=f"camvid/train: '.*' cannot be read.*delete {folder}"):
        [source[index] for index in range(len(source))]


@pytest.mark.parametrize("name", ["index.json", "dataset_info.json", "features.json"])
def test_a_damaged_folder_is_named(prepared: tuple[CamVid, Path], name: str) -> None:
    data, folder = prepared
    (folder / name).write_text("{")
    with pytest.raises(InputError, match=f"camvid/train: cannot be opened .*delete {folder}"):
        data.source("train")


def test_a_missing_file_of_records_is_named(prepared: tuple[CamVid, Path]) -> None:
    data, folder = prepared
    (path,) = folder.glob("*-train.array_record-*")
    path.unlink()
    with pytest.raises(InputError, match=f"camvid/train: .*delete {folder}"):
        data.source("train")[0]


def test_records_that_are_not_those_of_the_index_are_noticed(prepared: tuple[CamVid, Path]) -> None:
    data, folder = prepared
    ids = json.loads((folder / "index.json").read_text())
    ids["train"].reverse()
    (folder / "index.json").write_text(json.dumps(ids))
    with pytest.raises(InputError, match="it is '0001TP_006690'"):
        data.source("train")[0]


def test_a_source_is_read_by_many_threads(prepared: tuple[CamVid, Path]) -> None:
    source = prepared[0].source("train")
    assert isinstance(source, DataSource)
    alone = [source[index] for index in range(4)]
    seen: list[list[dict[str, np.ndarray]]] = []
    threads = [threading.Thread(target=lambda: seen.append([source[i] for i in range(4)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    for examples in seen:
        for example, expected in zip(examples, alone, strict=True):
            np.testing.assert_array_equal(example["image"], expected["image"])
            np.testing.assert_array_equal(example["label"], expected["label"])


def test_an_index_beyond_the_end_is_an_index_error(prepared: tuple[CamVid, Path]) -> None:
    source = prepared[0].source("val")
    assert len(list(source)) == 2
    with pytest.raises(IndexError):
        source[2]
