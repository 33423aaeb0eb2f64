"""Files of weights: exports that come back, files written by hand and by torch, and damaged ones."""

import dataclasses
import json
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import pretrained
from jaxseg.models.classifier import resnet_classifier
from jaxseg.models.enet import enet
from jaxseg.models.network import LinenNetwork, Normalization
from jaxseg.models.segnet import segnet
from tests.weights import SMALL, onto_zeros, random_arrays, resnet_shapes


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    arrays = random_arrays(resnet_shapes(**SMALL))
    path = tmp_path_factory.mktemp("weights") / "resnet50.npz"
    np.savez(path, **arrays)
    return path, arrays


@pytest.mark.parametrize("make", [lambda: enet(5, width=0.25), lambda: segnet(3, width=1 / 16)])
def test_what_is_exported_comes_back_bit_for_bit(make, tmp_path):
    network = make()
    random = np.random.default_rng(0)
    abstract = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    variables = jax.tree.map(lambda leaf: jnp.asarray(random.normal(size=leaf.shape), leaf.dtype), abstract)
    own = Normalization((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), "bgr")
    pretrained.export(
        dataclasses.replace(network, normalization=own), variables, tmp_path / "mine.safetensors"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    loaded = pretrained.load(network, tmp_path / "mine.safetensors")
    jax.tree.map(np.testing.assert_array_equal, loaded.variables, variables)
    assert jax.tree.structure(loaded.variables) == jax.tree.structure(variables)
    assert loaded.network.normalization == own
    assert loaded.report.layout == "jaxseg"
    assert loaded.report.missing == loaded.report.skipped == ()


def test_an_export_is_a_plain_safetensors_file_in_torchs_names(resnet_file, tmp_path):
    safetensors = pytest.importorskip(
        "safetensors.numpy", reason="needs the torch extra: pip install -e '.[torch]'"
    )
    network = resnet_classifier(1000, bottleneck=None, width=0.1)
    loaded = pretrained.load(network, resnet_file[0])
    pretrained.export(loaded.network, loaded.variables, tmp_path / "out.safetensors")
    found = safetensors.load_file(tmp_path / "out.safetensors")
    expected = {name: array for name, array in resnet_file[1].items() if not name.endswith("tracked")}
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_an_interrupted_export_leaves_the_old_file(tmp_path, monkeypatch):
    network = enet(3, width=0.25)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"old")

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        pretrained.export(network, {"params": {"a": {"bias": jnp.zeros(3)}}, "batch_stats": {}}, path)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["mine.safetensors"]


def by_hand(entries, data, metadata=None, length=None):
    header = dict(entries) | ({"__metadata__": metadata} if metadata else {})
    text = json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def test_safetensors_written_by_hand_are_read(tmp_path):
    class One(LinenNetwork):
        def init(self, key, image):
            return {"params": {"a_0": {"bias": jnp.zeros(2), "kernel": jnp.zeros((1, 2))}}, "batch_stats": {}}

    bias = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    kernel = np.array([[3.0], [4.0]], "<f8")
    entries = {
        "a.0.bias": {"dtype": "BF16", "shape": [2], "data_offsets": [16, 20]},
        "a.0.weight": {"dtype": "F64", "shape": [2, 1], "data_offsets": [0, 16]},
    }
    path = tmp_path / "hand.safetensors"
    path.write_bytes(by_hand(entries, kernel.tobytes() + bias.tobytes()))
    network = One(2, module=enet(2).module)
    loaded = pretrained.load(network, path)
    assert loaded.variables["params"]["a_0"]["bias"].tolist() == [1.5, -2.0]
    assert loaded.variables["params"]["a_0"]["kernel"].tolist() == [[3.0, 4.0]]
    assert loaded.variables["params"]["a_0"]["bias"].dtype == jnp.float32
    assert loaded.network.normalization == network.normalization  # such a file says nothing of it


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its header is longer than the file"),
        (b"\xff" * 40, "its header is longer than the file"),
        (by_hand({"a": F32}, b"\0" * 7), "a lies outside the file"),
        (by_hand({"a": F32 | {"shape": [3]}}, b"\0" * 8), "a has 8 bytes for shape [3]"),
        (by_hand({"a": F32 | {"dtype": "Q4"}}, b"\0" * 8), "a has type Q4"),
        (by_hand({"a": {"dtype": "F32"}}, b"\0" * 8), "its entry for a cannot be read"),
        (by_hand({"a": F32}, b"", length=5), "its header cannot be read"),
        (by_hand({}, b""), "holds no arrays"),
        (by_hand({"a": F32}, b"\0" * 8), "its keys (a, ...) are of no known layout; known are vgg16"),
        (by_hand({"a": F32}, b"\0" * 8, {"library": "jaxseg"}), "none of its 1 arrays has a place"),
    ],
    ids=["empty", "noise", "cut", "shape", "type", "entry", "header", "nothing", "unknown", "other"],
)
def test_damaged_and_unknown_files_are_told_in_one_line(content, words, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        pretrained.load(enet(2, width=0.25), path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_other_files_that_cannot_be_read_are_told_in_one_line(resnet_file, tmp_path):
    whole = resnet_file[0].read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npz").write_text("no weights")
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object))
    (tmp_path / "weights.h5").write_bytes(b"")
    for name, words in {
        "cut.npz": "damaged or cut off",
        "text.npz": "damaged or cut off",
        "objects.npz": "cannot be read as plain arrays",
        "weights.h5": ".h5; use one of .safetensors, .npz, .pth, .pt",
        "absent.npz": "no such file",
    }.items():
        with pytest.raises(InputError) as error:
            pretrained.load(enet(2), tmp_path / name)
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_pth_without_torch_says_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "resnet50.pth").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError) as error:
        pretrained.load(enet(2), tmp_path / "resnet50.pth")
    assert "needs torch; pip install -e '.[torch]'" in str(error.value)
    assert "python -m experiments.convert_weights resnet50.pth" in str(error.value)


def test_state_dicts_of_torch_are_read_wrapped_or_not(resnet_file, tmp_path):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    network = resnet_classifier(1000, bottleneck=None, width=0.1)
    expected = pretrained.load(network, resnet_file[0]).variables
    tensors = {name: torch.tensor(array) for name, array in resnet_file[1].items()}
    tensors["conv1.weight"] = tensors["conv1.weight"].bfloat16()
    torch.save(tensors, tmp_path / "plain.pth")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in tensors.items()}}, tmp_path / "wrapped.pt"
    )
    for name in ("plain.pth", "wrapped.pt"):
        loaded = pretrained.load(network, tmp_path / name)
        assert not loaded.report.missing
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=4e-3), loaded.variables, expected
        )  # one array went through bfloat16
    (tmp_path / "cut.pth").write_bytes((tmp_path / "plain.pth").read_bytes()[:5000])
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "objects.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    words = {
        "cut": "damaged or cut off",
        "objects": "holds objects beside arrays",
        "list": "no table of arrays",
    }
    for name, said in words.items():
        with pytest.raises(InputError) as error:
            pretrained.load(network, tmp_path / f"{name}.pth")
        assert said in str(error.value)
        assert "\n" not in str(error.value)


class _Scaled(nn.Module):
    """A kernel and a scale in one module, or a scalar of its own."""

    scalar: bool

    @nn.compact
    def __call__(self, image, train):
        if self.scalar:
            return image * self.param("temperature", nn.initializers.ones, ())
        kernel = self.param("kernel", nn.initializers.ones, (1, 1, 3, 3))
        return image @ kernel[0, 0] * self.param("scale", nn.initializers.ones, (3,))


def test_arrays_at_the_top_are_written_or_refused_and_none_is_lost(tmp_path):
    path, image = tmp_path / "own.safetensors", jnp.ones((1, 32, 32, 3))
    network = LinenNetwork(3, module=_Scaled(scalar=False))
    with pytest.raises(InputError, match=r"two arrays of .* would be .*weight in the file"):
        pretrained.export(network, network.init(jax.random.key(0), image), path)
    assert not path.exists()
    network = LinenNetwork(3, module=_Scaled(scalar=True))
    variables = {"params": {"temperature": np.float32(2.5)}, "batch_stats": {}}
    pretrained.export(network, variables, path)
    for head in (True, False):
        loaded = pretrained.load(network, path, head=head)
        assert loaded.variables["params"]["temperature"] == 2.5


@pytest.mark.parametrize("text", ["{", "[]", '{"mean": [1, 2], "std": [1, 1, 1], "order": "rgb"}'])
def test_metadata_that_cannot_be_read_is_told(text, tmp_path):
    path = tmp_path / "weights.safetensors"
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    metadata = {"library": "jaxseg", "normalization": text}
    path.write_bytes(by_hand({"stage1.0.BatchNorm.0.bias": entry}, b"\0" * 16, metadata))
    with pytest.raises(InputError, match=r"normalization .* in the file's metadata cannot be read"):
        onto_zeros(enet(2, width=0.25), path)
