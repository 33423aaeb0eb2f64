"""Self-training from its labels on: kills at any place, what is never seen, what a round is trained on."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.data import RareClasses, batches
from jaxseg.data._views import random_share
from jaxseg.errors import InputError
from jaxseg.losses import pytree
from jaxseg.methods import Batch, Metrics, Portions, SelfTraining, State, Term, WarmStart
from jaxseg.train import check, trainer
from jaxseg.train._stretch import stretch_of
from tests.tiny import Blocks, network
from tests.train.self_trained import SOURCE, experiment, files, labels, trained


class Killed(Exception):
    pass


def kill(monkeypatch: pytest.MonkeyPatch, where: str, at: int) -> None:
    """Ends the process, as far as a test can, the `at`-th time that training comes by a place."""
    calls = {"left": at}

    def passing() -> None:
        calls["left"] -= 1
        if calls["left"] == 0:
            raise Killed

    step, label = trainer._step, trainer.label_target

    def killed_step(*arguments: Any) -> Any:
        passing()
        return step(*arguments)

    def killed_between(*arguments: Any, **named: Any) -> Any:
        return label(*arguments, **(named | {"between": passing}))

    def killed_after(*arguments: Any, **named: Any) -> Any:
        made = label(*arguments, **named)
        passing()
        return made

    if where == "step":
        monkeypatch.setattr(trainer, "_step", killed_step)
    else:
        changed = killed_between if where == "label" else killed_after
        monkeypatch.setattr(trainer, "label_target", changed)


def test_a_round_killed_anywhere_and_resumed_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = experiment(source_share=Portions(0.5, 0.25, 1.0))
    expected = trained(tmp_path / "whole", built)
    everything = files(tmp_path / "whole")
    assert {name.split("/")[1] for name in everything} == {"round0", "round1"}
    rng = np.random.default_rng(0)
    # 12 images counted and 12 labelled in each of two rounds: 48 times between images, 4 steps.
    places = [("label", int(rng.integers(12 * k + 1, 12 * k + 13))) for k in range(4)]
    for where, at in [*places, ("after", 1), ("after", 2), ("step", 2), ("step", 4)]:
        cut = tmp_path / f"{where}{at}"
        with monkeypatch.context() as patched:
            kill(patched, where, at)
            with pytest.raises(Killed):
                trained(cut, built)
        found = trained(cut, built)
        jax.tree.map(np.testing.assert_array_equal, expected, found)
        assert files(cut) == everything, (where, at)
        lines = [json.loads(line) for line in (cut / "metrics.jsonl").read_text().splitlines()]
        assert [(line["step"], line["phase"]) for line in lines if line["kind"] == "labelling"] == [
            (1, "round0"),
            (3, "round1"),
        ]


@dataclasses.dataclass(frozen=True)
class Scrambled(Blocks):
    """The same images with labels of nothing."""

    def source(self, split: str) -> list[dict[str, object]]:
        rng = np.random.default_rng(99)
        return [
            {**example, "label": rng.integers(0, 3, self.size).astype(np.uint8)}
            for example in super().source(split)
        ]


@pytree
@dataclasses.dataclass(frozen=True)
class Watching(SelfTraining):
    """Reports how many target pixels are labelled, also in the warm start."""

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        state, metrics = super().step(state, batch, phase)
        return state, {**metrics, "seen": jnp.sum(batch["target"]["label"] < 255)}


def test_true_labels_of_the_target_are_never_used(tmp_path: Path) -> None:
    plain = experiment(
        mining=RareClasses(pixels=0),
        rounds=1,
        warm_start=WarmStart(
            steps=2, objective={"source": SOURCE, "target": Term(losses.Entropy(), 0.1, "target")}
        ),
    )
    fields = {f.name: getattr(plain.method, f.name) for f in dataclasses.fields(plain.method)}
    plain = dataclasses.replace(plain, method=Watching(**fields))
    states = [
        trained(tmp_path / name, dataclasses.replace(plain, target=target))
        for name, target in (("plain", Blocks(shift=60)), ("scrambled", Scrambled(shift=60)))
    ]
    jax.tree.map(np.testing.assert_array_equal, *states)
    assert files(tmp_path / "plain") == files(tmp_path / "scrambled")
    lines = [json.loads(line) for line in (tmp_path / "plain/metrics.jsonl").read_text().splitlines()]
    seen = [line["seen"] for line in lines if line["kind"] == "train"]
    assert seen[:2] == [0, 0]
    assert min(seen[2:]) > 0


def test_a_round_draws_its_share_of_the_source_and_images_of_rare_predictions(tmp_path: Path) -> None:
    built = experiment(
        source_share=Portions(0.25, 0.25, 1.0), source_draw="nested", mining=RareClasses(pixels=2)
    )
    trained(tmp_path / "run", built)
    folder = tmp_path / "run/pseudo_labels"
    _, sources, _ = check(built)
    stretches = [stretch_of(built, sources, folder, phase) for phase in (0, 1)]
    ids = [{example["id"] for example in s.sources["source"]} for s in stretches]
    assert [len(one) for one in ids] == [3, 6]
    assert ids[0] < ids[1]
    target = stretches[1].sources["target"]
    counts = target.label_counts()
    predicted = np.asarray(
        [json.loads((folder / f"round1/{index:05d}.json").read_text())["predicted"] for index in range(12)]
    )
    np.testing.assert_array_equal(counts[:, :3], np.where(predicted.max(0) > 2, predicted, 0))
    rare = int(np.argmin(np.where(counts.sum(0) > 0, counts.sum(0), 10**9)))
    order = stretches[1].sampling["target"].order(target, 0, "target")
    drawn = [order(position) for position in range(300)]
    assert all(counts[index, :3].max() > 2 for index in drawn)
    assert np.mean([counts[index, rare] > 2 for index in drawn]) > 0.9
    assert sorted(target[0]) == ["id", "image", "targets"]
    assert target[0]["targets"].shape == (8, 16, 3)


@dataclasses.dataclass(frozen=True)
class Seldom(Blocks):
    """Class 2 is all of one image, `where`, and a pixel of each of the others, of which `blank` leaves no other."""

    where: int = 0
    blank: bool = False

    def source(self, split: str) -> list[dict[str, object]]:
        examples: list[dict[str, Any]] = super().source(split)
        for index, example in enumerate(examples):
            label = np.where(example["label"] == 2, 255 if self.blank else 1, example["label"])
            label = np.full_like(label, 255) if self.blank else label
            label[0, 0] = 2
            example["label"] = np.full_like(label, 2) if index == self.where else label
        return examples


def test_a_share_of_the_source_need_not_show_every_class(tmp_path: Path) -> None:
    built = experiment(
        network=network(),
        source_share=Portions(0.25, 0.75, 1.0),
        source_draw="nested",
        sampling={"source": RareClasses(pixels=10)},
    )
    share = random_share(12, 0.25, built.seed, "nested")
    where = next(index for index in range(12) if index not in share)
    built = dataclasses.replace(built, data=Seldom(where=where))
    labels(tmp_path / "run", built)
    shutil.copytree(tmp_path / "run/pseudo_labels/round0", tmp_path / "run/pseudo_labels/round1")
    _, sources, _ = check(built)
    drawn = []
    for phase in (0, 1):
        stretch = stretch_of(built, sources, tmp_path / "run/pseudo_labels", phase)
        rare = {"source": stretch.sampling["source"]}
        part = next(batches({"source": stretch.sources["source"]}, 60, seed=1, sampling=rare))["source"]
        shown = {image.tobytes(): index for index, image in enumerate(e["image"] for e in sources["source"])}
        drawn.append({shown[image.tobytes()] for image in part["image"]})
    assert drawn == [set(share), {where}]  # of the whole, the rare class is drawn nearly always
    blank = dataclasses.replace(built, data=Seldom(where=where, blank=True))
    with pytest.raises(InputError, match=r"source: rare-class sampling .* 3 images .* more than 10 pixels"):
        check(blank)


def test_labels_that_are_gone_are_named(tmp_path: Path) -> None:
    built = experiment(network=network())
    labels(tmp_path / "run", built)
    folder = tmp_path / "run/pseudo_labels"
    _, sources, _ = check(built)
    target = stretch_of(built, sources, folder, 0).sources["target"]
    assert target[3]["targets"].any()
    (folder / "round0/00003.zlib").write_bytes(b"half")
    with pytest.raises(InputError, match=r"00003\.zlib: the pseudo-label cannot be read .*train it again"):
        target[3]
    (folder / "round0/00003.zlib").unlink()
    with pytest.raises(InputError, match=r"00003\.zlib: the pseudo-label cannot be read .*train it again"):
        target[3]
    with pytest.raises(InputError, match=r"round1: the labels of this phase are not there"):
        stretch_of(built, sources, folder, 1)
