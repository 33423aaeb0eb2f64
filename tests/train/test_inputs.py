"""What may be done to the batches: rare-class sampling, the target's style; splits that a data set has not."""

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.evaluate import evaluate_run
from jaxseg import losses
from jaxseg.data import RareClasses
from jaxseg.data.augment import ColorJitter, FourierSwap, RandomCrop, Resize, ScaleCropFlip
from jaxseg.errors import InputError
from jaxseg.losses import pytree
from jaxseg.methods import SGD, Batch, Metrics, ObjectiveMethod, State, Term
from jaxseg.models import Normalization, pretrained
from jaxseg.train import Experiment, MeshShape, RunFolder, check, load_config, train, with_arguments
from jaxseg.train._inputs import augmented, ready
from jaxseg.train.experiment import differences, resolved
from tests.tiny import Blocks, Patches, classifier, network
from tests.train.test_config import config


def experiment(**fields: Any) -> Experiment:
    values: dict[str, Any] = {
        "name": "tiny",
        "data": Blocks(),
        "target": Blocks(shift=60),
        "method": ObjectiveMethod(
            network=network(), objective={"source": Term(losses.SoftmaxCrossEntropy())}, steps=3
        ),
        "batch": 4,
        "mesh": MeshShape(data=1),
    }
    return Experiment(**(values | fields))


def trained(folder: Path, built: Experiment) -> Any:
    source = folder.parent / f"{folder.name}.py"
    source.write_text("")
    run = RunFolder(folder)
    run.open(built, source, [])
    return train(built, run, stream=io.StringIO())


def raw(seed: int = 0) -> dict[str, dict[str, jax.Array]]:
    rng = np.random.default_rng(seed)
    return {
        domain: {
            "image": jnp.asarray(rng.integers(low, low + 100, (3, 12, 16, 3)).astype(np.uint8)),
            "label": jnp.asarray(rng.integers(0, 3, (3, 12, 16)).astype(np.uint8)),
        }
        for domain, low in (("source", 0), ("target", 150))
    }


AUGMENT = {"crop": ScaleCropFlip(size=(8, 8), scale=(1.0, 1.5)), "color": ColorJitter()}


def inputs(swap: FourierSwap | None, key: int = 0) -> dict[str, dict[str, jax.Array]]:
    with jax.set_mesh(MeshShape(data=1).build(3)):
        return jax.tree.map(
            np.asarray, jax.jit(lambda batch: ready(AUGMENT, swap, jax.random.key(key), batch))(raw())
        )


def test_translation_changes_the_source_images_alone_and_is_reproducible() -> None:
    plain, styled, again = inputs(None), inputs(FourierSwap(beta=0.2)), inputs(FourierSwap(beta=0.2))
    jax.tree.map(np.testing.assert_array_equal, styled, again)
    jax.tree.map(np.testing.assert_array_equal, plain["target"], styled["target"])
    for name in ("label", "valid"):
        np.testing.assert_array_equal(plain["source"][name], styled["source"][name])
    assert np.abs(plain["source"]["image"] - styled["source"]["image"]).mean() > 20
    # Mean colour is the amplitude at frequency 0, so each image has exactly that of some augmented target image.
    mine, theirs = (styled[domain]["image"].mean((1, 2)) for domain in ("source", "target"))
    assert np.abs(mine[:, None] - theirs[None]).max(-1).min(-1) == pytest.approx(np.zeros(3), abs=1e-3)


def test_the_style_is_taken_after_the_augmentation_of_both_domains() -> None:
    key, batch = jax.random.key(0), raw()
    parts = [
        augmented(AUGMENT, jax.random.fold_in(key, i), batch[d]) for i, d in enumerate(("source", "target"))
    ]
    expected = FourierSwap(beta=0.2)(jax.random.fold_in(key, 2), parts[0]["image"], parts[1]["image"])
    np.testing.assert_allclose(inputs(FourierSwap(beta=0.2))["source"]["image"], expected, atol=1e-3)


def test_translation_reads_the_target_though_no_term_does(tmp_path: Path) -> None:
    assert list(experiment().domains) == ["source"]
    built = experiment(translate=FourierSwap(beta=0.1))
    assert list(built.domains) == ["source", "target"]
    states = [
        trained(tmp_path / name, e) for name, e in (("a", built), ("b", built), ("plain", experiment()))
    ]
    kernels = [np.asarray(state.params["Dense_0"]["kernel"]) for state in states]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 1e-6


def test_translation_gives_the_same_numbers_on_eight_devices(tmp_path: Path) -> None:
    built = experiment(translate=FourierSwap(beta=0.1), batch=8)
    one = trained(tmp_path / "one", built)
    many = trained(tmp_path / "many", dataclasses.replace(built, mesh=MeshShape(data=2, space=4)))
    for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"translate": FourierSwap(), "target": None},
            r"translate: .* the style of the target, and 'tiny' has none",
        ),
        (
            {"translate": FourierSwap(), "target": Blocks(size=(8, 8), shift=60)},
            r"translate: images of the source are 8x16 after augmentation and those of the target 8x8",
        ),
        (
            {"sampling": {"target": RareClasses()}},
            r"sampling.target: training reads no such domain, only source",
        ),
        ({"sampling": {"source": RareClasses(pixels=10**6)}}, r"source: rare-class sampling finds no image"),
    ],
)
def test_what_does_not_fit_is_told_before_training(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check(experiment(**fields))
    assert "\n" not in str(caught.value)


@pytree
@dataclasses.dataclass(frozen=True)
class Counting(ObjectiveMethod):
    """Reports how many images of the rare class a step saw."""

    def step(self, state: State, batch: Batch, phase: int) -> tuple[State, Metrics]:
        state, metrics = super().step(state, batch, phase)
        return state, {**metrics, "rare": jnp.sum(batch["source"]["label"] == 2)}


def rare_images(folder: Path, sampling: dict[str, RareClasses], steps: int = 6) -> list[float]:
    method = Counting(
        network=classifier(), objective={"source": Term(losses.SoftmaxCrossEntropy())}, steps=steps
    )
    built = experiment(data=Patches(), target=None, method=method, sampling=sampling, batch=8)
    trained(folder, built)
    return [json.loads(line)["rare"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_rare_class_sampling_changes_what_a_step_sees(tmp_path: Path) -> None:
    shuffled = rare_images(tmp_path / "shuffled", {})
    rare = {"source": RareClasses(temperature=0.01, pixels=0)}
    sampled = rare_images(tmp_path / "sampled", rare)
    assert sum(shuffled) <= 6  # two of twenty images, in 48 draws without replacement within an epoch
    assert sampled == [8.0] * 6  # exp((1 - 2/19) / 0.01) outweighs the others by e^31
    assert rare_images(tmp_path / "again", rare) == sampled


def test_options_turn_on_what_the_config_leaves_out(tmp_path: Path) -> None:
    path = config(tmp_path)
    plain = load_config(path)
    assert (plain.translate, dict(plain.sampling)) == (None, {})
    words = ["--translate.beta", "0.05", "--sampling.source.temperature=0.5", "--sampling.source.pixels", "7"]
    built = with_arguments(plain, words)
    assert built.translate == FourierSwap(beta=0.05)
    assert built.sampling == {"source": RareClasses(0.5, pixels=7)}
    assert with_arguments(plain, ["--seed", "1"]).translate is None
    folder = RunFolder(tmp_path / "run")
    folder.open(built, path, words)
    assert resolved(folder.experiment()) == resolved(built)
    with pytest.raises(InputError, match=r"did you mean --translate\.beta"):
        with_arguments(plain, ["--translat.beta", "1"])


def test_help_names_the_options_that_are_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        with_arguments(load_config(config(tmp_path)), ["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Off until an option of theirs is given: --translate, --sampling.source, --sampling.target" in said
    for option in ("--translate.beta", "--sampling.source.temperature", "--sampling.target.pixels"):
        assert option in said


def test_runs_from_before_an_option_was_there_are_not_refused() -> None:
    new = resolved(experiment())
    old = {key: value for key, value in new.items() if key not in ("translate", "sampling")}
    assert differences(old, new) == []
    assert differences(old, resolved(experiment(sampling={"source": RareClasses()}))) != []


def test_the_number_of_classes_is_one_option(tmp_path: Path) -> None:
    built = with_arguments(load_config(config(tmp_path)), ["--network.classes", "5"])
    network_ = built.method.network
    assert (network_.classes, network_.module.classes) == (5, 5)
    with pytest.raises(InputError, match=r"scores 5 classes .* have 3; .*--network.classes 3"):
        built.validate()


class Trainless(Blocks):
    """A data set without a val split, as GTA5 is without a list."""

    def has(self, split: str) -> bool:
        return split != "val"

    def source(self, split: str) -> list[dict[str, object]]:
        assert split != "val"
        return super().source(split)


def test_a_split_that_is_not_there_is_not_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = experiment(data=Trainless(shift=1), evaluate_every=1)
    trained(tmp_path / "run", built)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["on"] for line in lines if line["kind"] == "evaluation"] == ["blocks-60/val"] * 3
    folder = RunFolder(tmp_path / "run")
    folder.experiment = lambda arguments=(): built  # type: ignore[method-assign]
    assert list(evaluate_run(folder, "val", quiet=True)) == ["blocks-60"]
    assert capsys.readouterr().err == "blocks-1 has no val split: not scored\n"
    assert list(evaluate_run(folder, "test", quiet=True)) == ["blocks-60", "blocks-1"]


@dataclasses.dataclass(frozen=True)
class Namesake(Blocks):
    """Every one of them has the same name, as folders have."""

    @property
    def name(self) -> str:
        return "namesake"


def test_two_data_sets_of_one_name_are_both_scored() -> None:
    built = experiment(data=Namesake(), target=Namesake(shift=60))
    assert built.scored == {"namesake-target": built.target, "namesake-source": built.data}
    assert list(experiment(data=Namesake(), target=Namesake()).scored) == ["namesake"]


def test_training_starts_from_a_file_of_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = experiment()
    net = built.method.network
    variables = net.init(jax.random.key(7), jnp.zeros((1, 16, 24, 3)))
    weights = tmp_path / "weights.safetensors"
    pretrained.export(net, variables, weights)
    still = dataclasses.replace(built.method, steps=1, optimizer=SGD(learning_rate=0.0, weight_decay=0.0))
    state = trained(tmp_path / "run", experiment(method=still, initialize=weights))
    jax.tree.map(np.testing.assert_array_equal, state.params, variables["params"])
    assert "weights.safetensors" in capsys.readouterr().err
    other = dataclasses.replace(net, normalization=Normalization(order="bgr"))
    wrong = experiment(method=dataclasses.replace(still, network=other), initialize=weights)
    with pytest.raises(InputError, match=r"initialize: the weights of .* set network\.normalization"):
        trained(tmp_path / "wrong", wrong)


def test_augmentations_run_in_the_order_of_the_config_and_not_of_their_names(tmp_path: Path) -> None:
    # By name the crop would come first, and be larger than the images of 8x16.
    steps = {"resize": Resize(size=(16, 32)), "crop": RandomCrop(size=(12, 20))}
    one_step = dataclasses.replace(experiment().method, steps=1)
    assert trained(tmp_path / "run", experiment(augment=steps, method=one_step)).step == 1
