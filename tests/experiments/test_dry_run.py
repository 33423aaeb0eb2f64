"""`--dry-run`: the recipe as resolved, what it would take, all that is missing; status 0, and nothing is written."""

import dataclasses
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import train
from jaxseg import losses, models
from jaxseg.data import CamVid, Planted
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.errors import InputError
from jaxseg.methods import Adam, ObjectiveMethod, Portions, SelfTraining, Term, WarmStart
from jaxseg.models import LinenNetwork
from jaxseg.train import Experiment, MeshShape, load_config
from jaxseg.train._liveness import bytes_of, peak_bytes
from jaxseg.train._recipe import recipe_text
from jaxseg.train.plan import plan
from jaxseg.train.trainer import _step
from tests.tiny import Blocks, Patches, classifier, network

ROOT = Path(__file__).resolve().parents[2]

F32 = np.float32
OBJECTIVE = ObjectiveMethod(
    network=network(),
    objective={"source": Term(losses.SoftmaxCrossEntropy())},
    steps=30,
    optimizer=Adam(learning_rate=0.1),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache and a working folder that begin empty."""
    monkeypatch.setenv("JAXSEG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def tiny(**fields: Any) -> Experiment:
    values: dict[str, Any] = {
        "name": "tiny",
        "data": Blocks(count=6, size=(16, 32)),
        "method": OBJECTIVE,
        "augment": {"crop": ScaleCropFlip(size=(8, 16), scale=(1.0, 1.0))},
        "batch": 2,
        "mesh": MeshShape(data=1),
    }
    return Experiment(**(values | fields))


def written(tmp_path: Path) -> list[str]:
    return sorted(str(path) for path in tmp_path.rglob("*") if path.name != "work")


def test_all_that_is_missing_is_told_at_once_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ROOT / "configs/dusk/max_squares.py"
    words = ["--data.dir", "nowhere", "--initialize", "runs/none/seed0", "--mesh.data", "64", "--batch", "64"]
    assert train.main([str(config), "--dry-run", *words]) == 0
    said = capsys.readouterr().out
    missing = said[said.index("not there yet") :].splitlines()[1:]
    assert [line.split(":")[0].strip() for line in missing] == ["data", "target", "weights", "devices"]
    assert "nowhere is not a folder" in missing[0]
    assert "no folder given" in missing[1]
    assert "runs/none/seed0" in missing[2]
    assert "64 x space 1 needs 64 devices" in missing[3]
    assert written(tmp_path) == []


def test_the_recipe_is_the_resolved_one_and_readable(capsys: pytest.CaptureFixture[str]) -> None:
    config = ROOT / "configs/max_squares/gta5_to_cityscapes_multi_paper.py"
    text = recipe_text(load_config(config))
    lines = text.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 110
    for part in (
        "GTA5(resize 720x1280",
        "Resize(size 640x1280, domain target)",
        "80,000 steps",
        "29,750 steps",
        "guidance: 0.009 x Guided(threshold 0.95, guide both) of the auxiliary head on the target",
        "groups Groups(head 10, fixed [bn1])",
        "without its head",
        "input 640x1280, labels at native size",
    ):
        assert part in text, part


def test_what_there_is_is_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder of four images of 20x30: their number and size are seen, and the plan says that nothing is missing."""
    mine = tmp_path / "work" / "mine"
    for part, mode in (("images", "RGB"), ("labels", "L")):
        for split, count in (("train", 4), ("val", 1)):
            (mine / part / split).mkdir(parents=True)
            for index in range(count):
                Image.new(mode, (30, 20)).save(mine / part / split / f"{index}.png")
    (mine / "classes.toml").write_text(
        "name = 'two'\n[[classes]]\nname = 'a'\ncolour = [1, 2, 3]\n[[classes]]\nname = 'b'\ncolour = [9, 9, 9]\n"
    )
    before = written(tmp_path)
    words = ["--data.dir", str(mine), "--network.classes", "2", "--batch", "8", "--steps", "10"]
    assert train.main([str(ROOT / "configs/folder/compact.py"), "--dry-run", *words]) == 0
    said = capsys.readouterr().out
    assert "source: 4 images, each 20.0 times in the last phase" in said
    assert "source 192x256" in said
    assert "nothing is missing" in said
    assert written(tmp_path) == before


def test_images_that_are_not_trained_on_are_not_counted(tmp_path: Path) -> None:
    """Of five images two are of the sequence, and one of these is used; also inside of other data sets."""
    for name in ("train/a_0", "train/a_1", "train/b_0", "train/b_1", "train/b_2", "val/a_2", "test/a_3"):
        split, stem = name.split("/")
        for part, mode in ((split, "RGB"), (f"{split}annot", "L")):
            (tmp_path / part).mkdir(exist_ok=True)
            Image.new(mode, (32, 16)).save(tmp_path / part / f"{stem}.png")
    few = CamVid(tmp_path, sequences=("a",), images=1)
    method = dataclasses.replace(OBJECTIVE, network=network(11))
    for data, count in ((few, 1), (dataclasses.replace(few, images=None), 2), (Planted(few), 1)):
        assert plan(tiny(data=data, method=method)).images == {"source": count}
    assert plan(tiny(data=Planted(Blocks(count=6, size=(16, 32))))).images == {"source": 6}
    assert not (tmp_path / "cache").exists()


def test_sizes_parameters_and_state_are_exact() -> None:
    built = plan(tiny())
    assert built.native == {"source": (16, 32)}
    assert built.sizes == {"source": (8, 16)}
    assert (built.assumed, built.lacks, built.devices) == ((), (), 1)
    assert built.images == {"source": 6}
    assert built.parameters == {"network": 12}  # 3 x 3 and a bias of 3
    (phase,) = built.phases
    # Parameters and Adam's two moments of 12 numbers, its count, the seed and the step.
    assert phase.state == 4 * (12 + 2 * 12 + 1 + 2)
    assert phase.batch == 2 * 16 * 32 * (3 + 1)
    # Forward and the kernel's gradient: 2 x 3 x 3 operations a pixel each; elementwise work comes on top.
    product = 2 * 2 * 3 * 3 * (2 * 8 * 16)
    assert product < phase.flops < 40 * product


class _TwoLayers(nn.Module):
    """3x3 from 3 to 24 channels, 3x3 from these to 3."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        return nn.Conv(3, (3, 3))(nn.relu(nn.Conv(24, (3, 3))(image)))


def test_operations_are_those_of_the_convolutions() -> None:
    """Two products a pixel forward, and backward one for each kernel and one for the second layer's input."""
    method = ObjectiveMethod(
        network=LinenNetwork(3, module=_TwoLayers()),
        objective={"source": Term(losses.SoftmaxCrossEntropy())},
        steps=1,
    )
    (phase,) = plan(tiny(data=Blocks(count=2, size=(32, 64)), augment={}, method=method)).phases
    product = 2 * (3 * 3 * 3 * 24) * (2 * 32 * 64)  # of either layer; the second has 24 to 3
    assert 0.9 < phase.flops / (5 * product) < 1.2


def test_phases_are_planned_apart_and_rounds_of_one_kind_once() -> None:
    term = {"source": Term(losses.SoftmaxCrossEntropy())}
    warm = plan(
        tiny(
            target=Blocks(count=4, size=(16, 32), shift=60),
            method=ObjectiveMethod(
                network=network(),
                objective={**term, "target": Term(losses.MaximumSquares(), domain="target")},
                steps=7,
                warm_start=WarmStart(steps=5, objective=term),
            ),
        )
    )
    assert [(phase.name, phase.steps) for phase in warm.phases] == [("warm_start", 5), ("train", 7)]
    assert warm.phases[1].flops > 1.5 * warm.phases[0].flops
    rounds = plan(
        tiny(
            target=Blocks(count=4, size=(16, 32), shift=60),
            method=SelfTraining(
                network=network(),
                objective={
                    **term,
                    "labelled": Term(losses.SoftCrossEntropy(), domain="target"),
                },
                steps=3,
                rounds=2,
                labels="lrent",
                portion=Portions(0.2, 0.1, 0.5),
            ),
        )
    )
    assert [phase.name for phase in rounds.phases] == ["round0", "round1"]
    assert rounds.phases[0].flops == rounds.phases[1].flops > 0


def test_runs_that_are_to_label_the_target_are_told_where_they_are_not_there() -> None:
    method = SelfTraining(
        network=network(),
        objective={
            "source": Term(losses.SoftmaxCrossEntropy()),
            "labelled": Term(losses.SoftmaxCrossEntropy(), domain="target"),
        },
        steps=3,
        teachers=(Path("runs/one"), Path("runs/two")),
    )
    lacks = plan(tiny(target=Blocks(count=4, size=(16, 32), shift=60), method=method)).lacks
    assert [line.split(";")[0] for line in lacks] == [
        "teachers: no run folder runs/one",
        "teachers: no run folder runs/two",
    ]


def test_images_of_whole_classes_and_of_unknown_size() -> None:
    method = ObjectiveMethod(
        network=classifier(), objective={"source": Term(losses.SoftmaxCrossEntropy())}, steps=2
    )
    built = plan(tiny(data=Patches(count=5), augment={}, method=method))
    assert built.sizes == {"source": (8, 8)}
    assert built.phases[0].batch == 2 * (8 * 8 * 3 + 4)
    small = dataclasses.replace(OBJECTIVE, network=network(11))
    unseen = tiny(data=CamVid(), method=small)
    assert plan(unseen).assumed == ()  # the crop says what the network sees
    bare = dataclasses.replace(unseen, augment={})
    assert plan(bare).assumed == ("source",)
    assert "source: size not known without the data; 1024x2048 is assumed" in plan(bare).text(bare)


def test_fields_that_do_not_fit_are_an_error_as_ever() -> None:
    with pytest.raises(InputError, match="batch: 0"):
        plan(tiny(batch=0))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: jnp.sum(x), 4),
        # sin is stored (16 floats), its cosine is made beside it and both are read by the product, which is stored.
        (lambda x: (jnp.sin(x), jnp.cos(x)), 2 * 16 * 4),
        # exp is read twice, so it is stored; its product is read once and is not; the sum is the result.
        (lambda x: (lambda y: y * x + y)(jnp.exp(x)), 2 * 16 * 4),
        # A chain of operations that each are read once is one pass over memory.
        (lambda x: jnp.sqrt(x + 1.0) * 2.0, 16 * 4),
        # The matrix product needs its operand, which is a stored product itself.
        (lambda x: (x.reshape(4, 4) @ x.reshape(4, 4)) @ x.reshape(4, 4), 2 * 16 * 4),
        (lambda x: jax.jit(jnp.sin)(x) + 1.0, 2 * 16 * 4),
    ],
)
def test_what_is_alive_at_once(function: Any, expected: int) -> None:
    closed = jax.make_jaxpr(function)(jax.ShapeDtypeStruct((16,), F32))
    assert peak_bytes(closed.jaxpr) == expected


def test_a_loop_needs_its_body_once() -> None:
    def body(carry: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.sin(carry) @ jnp.cos(carry), None

    def loop(x: jax.Array) -> jax.Array:
        return jax.lax.scan(body, x, None, length=100)[0]

    size = 8 * 8 * 4
    peak = peak_bytes(jax.make_jaxpr(loop)(jax.ShapeDtypeStruct((8, 8), F32)).jaxpr)
    assert 2 * size <= peak <= 4 * size


@pytest.mark.slow
@pytest.mark.parametrize("net", [models.compact(3, width=16), models.enet(3)], ids=["compact", "enet"])
def test_the_estimate_is_near_what_the_compiler_takes(net: Any) -> None:
    experiment = tiny(
        data=Blocks(count=2, size=(64, 128)),
        augment={},
        method=ObjectiveMethod(
            network=net, objective={"source": Term(losses.SoftmaxCrossEntropy())}, steps=1
        ),
    )
    (phase,) = plan(experiment).phases
    method = experiment.method
    fresh = jax.eval_shape(lambda: method.begin(method.init(jnp.int32(0), jnp.zeros((1, 64, 128, 3))), 0))
    batch = {
        "source": {
            "image": jax.ShapeDtypeStruct((2, 64, 128, 3), jnp.uint8),
            "label": jax.ShapeDtypeStruct((2, 64, 128), jnp.uint8),
        }
    }
    with jax.set_mesh(MeshShape(data=1).build(2)):
        compiled = _step.lower(method, {}, None, fresh, batch, 0).compile()
    taken: Any = compiled.memory_analysis()
    assert phase.state == bytes_of(fresh)
    assert 0.5 < phase.temporary / taken.temp_size_in_bytes < 2.0


PLANNED = (
    "adapt_seg_net/gta5_to_cityscapes_paper.py",
    "conservative/gta5_to_cityscapes_paper.py",
    "dann/office31_paper.py",
    "fda/gta5_to_cityscapes_self_trained_paper.py",
    "max_squares/synthia_to_cityscapes_multi_paper.py",
    "mean_teacher/gta5_to_cityscapes_paper.py",
    "self_training/gta5_to_cityscapes_wasserstein_huber_paper.py",
)
"""A recipe of each method; tracing all of them takes minutes."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANNED)
def test_a_recipe_of_every_method_of_a_paper_is_planned_without_its_data(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([str(ROOT / "configs" / name), "--dry-run"]) == 0
    said = capsys.readouterr().out
    for line in ("plan", "not there yet", "  data: ", "  target: ", "  weights: "):
        assert f"\n{line}" in said, line
    assert "nothing is missing" not in said
    assert written(tmp_path) == []
