"""The conversion of weights as a person runs it: the file, what is printed, one line where the input is at fault."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import convert_weights
from jaxseg.errors import InputError
from jaxseg.models import pretrained
from jaxseg.models._weight_files import read

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
from jaxseg import losses, models
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import Adam, ObjectiveMethod, Term
from jaxseg.models.segnet import segnet
from jaxseg.train import Experiment
from tests.tiny import Blocks

def experiment():
    return Experiment(
        name="tiny",
        data=Blocks(count=6, size=(24, 32)),
        method=ObjectiveMethod(
            network=segnet(3, width=1 / 16),
            objective={"source": Term(losses.SoftmaxCrossEntropy())},
            steps=1,
            optimizer=Adam(learning_rate=0.2),
        ),
        augment={"crop": ScaleCropFlip(size=(24, 32), scale=(1.0, 1.0))},
        batch=2,
    )
"""


@pytest.fixture
def vgg(tmp_path: Path) -> dict[str, np.ndarray]:
    """A trunk of torchvision's VGG-16 with a sixteenth of its channels, as `vgg16.npz`, without its classifier."""
    random = np.random.default_rng(0)
    layers = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    channels = (4, 4, 8, 8, 16, 16, 16, 32, 32, 32, 32, 32, 32)
    arrays, given = {}, 3
    for layer, features in zip(layers, channels, strict=True):
        arrays[f"features.{layer}.weight"] = random.normal(size=(features, given, 3, 3)).astype(np.float32)
        arrays[f"features.{layer}.bias"] = random.normal(size=features).astype(np.float16)
        given = features
    np.savez(tmp_path / "vgg16.npz", **arrays, **{"features.1.num_batches_tracked": np.array(7)})
    return arrays


@pytest.mark.fast
def test_arrays_come_out_as_they_went_in(
    vgg: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "vgg16.safetensors"
    assert convert_weights.main([str(tmp_path / "vgg16.npz"), str(target)]) == 0
    found = read(target).arrays
    assert set(found) == set(vgg)
    for name, array in vgg.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    printed = capsys.readouterr().out
    numbers = sum(array.size for array in vgg.values())
    assert f"{target}: torchvision's VGG-16, 26 arrays, {numbers:,} numbers, " in printed
    assert "input RGB 0..255, mean (123.675, 116.28, 103.53), std (58.395, 57.12, 57.375)" in printed
    assert printed.count("\n") == 1


def test_torch_files_are_read_without_torch_afterwards(
    vgg: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    torch.save({name: torch.tensor(array) for name, array in vgg.items()}, tmp_path / "vgg16.pth")
    target = tmp_path / "vgg16.safetensors"
    assert convert_weights.main([str(tmp_path / "vgg16.pth"), str(target)]) == 0
    monkeypatch.setitem(sys.modules, "torch", None)
    assert convert_weights.main([str(target), str(tmp_path / "again.safetensors")]) == 0
    assert (tmp_path / "again.safetensors").read_bytes() == target.read_bytes()


def test_a_config_says_what_fits_its_network(
    vgg: dict[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "tiny_config.py"
    config.write_text(CONFIG)
    source, target = str(tmp_path / "vgg16.npz"), str(tmp_path / "vgg16.safetensors")
    assert convert_weights.main([source, target, "--config", str(config)]) == 0
    report = capsys.readouterr().out.splitlines()[1]
    # 13 + 13 decoder convolutions, 25 normalisations; the file has kernels and biases of the first 13.
    assert "vgg16.npz: torchvision's VGG-16; loaded 26, skipped 0, missing 126 (" in report


@pytest.mark.parametrize("head", [True, False])
def test_what_fits_is_what_training_would_take(
    head: bool, vgg: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "tiny_config.py"
    config.write_text(
        CONFIG + f"\n\nbuilt = experiment\ndef experiment():\n"
        f"    import dataclasses\n    return dataclasses.replace(built(), initialize_head={head})\n"
    )
    asked: list[bool] = []
    monkeypatch.setattr(pretrained, "fit", lambda *given, head, **named: asked.append(head))
    arguments = [str(tmp_path / "vgg16.npz"), str(tmp_path / "out.safetensors"), "--config", str(config)]
    assert convert_weights.main(arguments) == 0
    assert asked == [head]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.npz", "out.safetensors"], "no such file"),
        (["vgg16.npz", "out.npz"], "only .safetensors files are written"),
        (["vgg16.npz", "absent/out.safetensors"], "no folder"),
        (["vgg16.npz", "out.safetensors", "--layout", "vgg"], "layout: 'vgg' is not known"),
        (["vgg16.npz", "out.safetensors", "--layuot", "vgg16"], "--layuot is not known"),
        (["vgg16.npz"], ".safetensors file to write"),
        (["other.npz", "out.safetensors"], "of no known layout"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_and_nothing_is_written(
    vgg: dict[str, np.ndarray],
    tmp_path: Path,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", weights=np.zeros(3))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as error:
        convert_weights.main(arguments)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_from_a_shell_it_is_the_same(vgg: dict[str, np.ndarray], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "experiments.convert_weights", str(tmp_path / "vgg16.npz")]
    for arguments, status in (([str(tmp_path / "out.safetensors")], 0), ([str(tmp_path / "out.txt")], 2)):
        done = subprocess.run(
            command + arguments, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"XLA_FLAGS": ""}
        )
        assert done.returncode == status, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "out.safetensors").exists()
