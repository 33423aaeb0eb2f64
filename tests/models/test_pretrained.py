"""Published weights in the project's networks: where arrays go, what is drawn, kept, skipped and refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import pretrained
from jaxseg.models._weight_files import read
from jaxseg.models.classifier import resnet_classifier
from jaxseg.models.deeplab_v2 import deeplab_v2
from jaxseg.models.deeplab_v3 import deeplab_v3
from jaxseg.models.fcn import fcn8s
from jaxseg.models.network import Normalization
from jaxseg.models.segnet import segnet
from tests.weights import (
    CONVOLUTIONS,
    SEGNET_NAMES,
    SMALL,
    onto_zeros,
    random_arrays,
    resnet_shapes,
    vgg_shapes,
)

BGR = Normalization((104.00698793, 116.66876762, 122.67891434), (1.0, 1.0, 1.0), "bgr")
RGB = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "rgb")


def rounded(normalization):
    """0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 of torchvision, times 255, are what RGB says."""
    return [round(value, 3) for value in (*normalization.mean, *normalization.std)], normalization.order


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    arrays = random_arrays(resnet_shapes(**SMALL))
    path = tmp_path_factory.mktemp("weights") / "resnet50.npz"
    np.savez(path, **arrays)
    return path, arrays


def test_a_resnet_finds_its_places_and_brings_its_normalisation(resnet_file):
    path, arrays = resnet_file
    network = resnet_classifier(7, bottleneck=8, width=0.1, normalization=Normalization())
    loaded = onto_zeros(network, path)
    params, statistics = loaded.variables["params"], loaded.variables["batch_stats"]
    np.testing.assert_array_equal(
        params["layer3_5"]["conv2"]["kernel"], arrays["layer3.5.conv2.weight"].transpose(2, 3, 1, 0)
    )
    np.testing.assert_array_equal(
        params["layer1_0"]["downsample_1"]["scale"], arrays["layer1.0.downsample.1.weight"]
    )
    np.testing.assert_array_equal(statistics["layer4_2"]["bn3"]["var"], arrays["layer4.2.bn3.running_var"])
    assert loaded.report.skipped == ("fc.weight", "fc.bias")
    assert sorted(loaded.report.missing) == sorted(
        ["bottleneck.0.weight", "bottleneck.0.bias", "head.weight", "head.bias"]
        + [f"bottleneck.1.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var")]
    )
    counted = [name for name in arrays if not name.endswith("tracked")]
    assert len(loaded.report.loaded) == len(counted) - 2
    assert rounded(loaded.network.normalization) == rounded(RGB)
    assert loaded.network.module == network.module
    text = str(loaded.report)
    assert "\n" not in text
    assert "skipped 2 (fc.weight, fc.bias), missing 8 (" in text
    assert "RGB 0..255, mean (123.675, 116.28, 103.53)" in text


def test_what_a_file_lacks_is_drawn_from_the_key_or_kept(resnet_file):
    network = resnet_classifier(7, bottleneck=8, width=0.1)
    keys = [jax.random.key(seed, impl="rbg") for seed in (3, 4)]  # compiles sooner than the default
    loaded, other = (pretrained.load(network, resnet_file[0], key=key).variables for key in keys)
    assert jnp.abs(loaded["params"]["head"]["kernel"] - other["params"]["head"]["kernel"]).max() > 1e-3
    np.testing.assert_array_equal(loaded["params"]["conv1"]["kernel"], other["params"]["conv1"]["kernel"])
    np.testing.assert_array_equal(loaded["batch_stats"]["bottleneck_1"]["var"], np.ones(8))
    given = jax.tree.map(jnp.zeros_like, loaded)
    kept = pretrained.load(network, resnet_file[0], variables=given).variables
    assert not kept["params"]["head"]["kernel"].any()
    assert kept["params"]["conv1"]["kernel"].any()
    assert jax.tree.structure(kept) == jax.tree.structure(loaded)


def test_fit_tells_what_load_would_do(resnet_file):
    network = resnet_classifier(7, bottleneck=8, width=0.1)
    assert pretrained.fit(network, resnet_file[0]) == onto_zeros(network, resnet_file[0]).report


def test_head_false_leaves_a_classifier_of_other_classes_alone(resnet_file):
    path, arrays = resnet_file
    network = resnet_classifier(7, bottleneck=None, width=0.1)
    with pytest.raises(InputError) as error:
        pretrained.load(network, path)
    assert "fc.weight is [1000, 208], fc.weight of the network [7, 208]" in str(error.value)
    assert "head=False (of a command: --no-initialize-head)" in str(error.value)
    assert onto_zeros(network, path, head=False).report.missing == ("fc.bias", "fc.weight")
    whole = pretrained.load(resnet_classifier(1000, bottleneck=None, width=0.1), path)
    assert not whole.report.missing
    np.testing.assert_array_equal(whole.variables["params"]["fc"]["kernel"], arrays["fc.weight"].T)


def test_both_domains_start_from_the_same_statistics(resnet_file):
    path, arrays = resnet_file
    network = resnet_classifier(7, bottleneck=None, width=0.1, batch_norm="per_domain")
    statistics = onto_zeros(network, path, head=False).variables["batch_stats"]
    for domain in ("source", "target"):
        np.testing.assert_array_equal(statistics[domain]["bn1"]["mean"], arrays["bn1.running_mean"])


def test_another_size_is_refused_by_name(resnet_file):
    network = resnet_classifier(7, width=0.2)
    with pytest.raises(InputError) as error:
        pretrained.load(network, resnet_file[0])
    message = str(error.value)
    assert "conv1.weight is [8, 3, 7, 7], conv1.weight of the network [12, 3, 7, 7]" in message
    assert "more; use a network of these sizes" in message
    assert "\n" not in message


@pytest.fixture(scope="module")
def caffe_file(tmp_path_factory):
    shapes = resnet_shapes(**SMALL)
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("fc.")}
    for branch in range(4):
        shapes |= {
            f"layer5.conv2d_list.{branch}.weight": (21, 208, 3, 3),
            f"layer5.conv2d_list.{branch}.bias": (21,),
        }
    arrays = random_arrays({f"Scale.{name}": shape for name, shape in shapes.items()}, seed=1)
    path = tmp_path_factory.mktemp("weights") / "init.npz"
    np.savez(path, **arrays)
    return path, arrays


def test_the_caffe_initialisation_loses_its_component_and_its_head(caffe_file):
    path, arrays = caffe_file
    network = deeplab_v2(21, depth=50, width=0.1, normalization=Normalization())
    loaded = onto_zeros(network, path)
    np.testing.assert_array_equal(
        loaded.variables["params"]["layer1_0"]["conv1"]["kernel"],
        arrays["Scale.layer1.0.conv1.weight"].transpose(2, 3, 1, 0),
    )
    assert loaded.network.normalization == BGR
    assert len(loaded.report.skipped) == 8
    assert all(name.startswith("Scale.layer5.conv2d_list.") for name in loaded.report.skipped)
    assert len(loaded.report.missing) == 8
    assert not loaded.variables["params"]["layer5"]["conv2d_list_0"]["kernel"].any()  # as it was


def test_released_adaptation_weights_keep_their_heads(caffe_file, tmp_path):
    arrays = {"module." + name.removeprefix("Scale."): array for name, array in caffe_file[1].items()}
    np.savez(tmp_path / "released.npz", **arrays)
    loaded = pretrained.load(deeplab_v2(21, depth=50, width=0.1), tmp_path / "released.npz")
    assert not loaded.report.missing
    assert not loaded.report.skipped
    np.testing.assert_array_equal(
        loaded.variables["params"]["layer5"]["conv2d_list_3"]["bias"],
        arrays["module.layer5.conv2d_list.3.bias"],
    )
    assert loaded.network.normalization == BGR


@pytest.mark.parametrize("multi_level", [False, True])
def test_the_only_head_of_a_released_network_is_that_of_the_last_layer(caffe_file, tmp_path, multi_level):
    """Where ADVENT's networks have one head, it is named layer6 as the main one of two."""
    arrays = {
        name.removeprefix("Scale.").replace("layer5", "layer6"): array
        for name, array in caffe_file[1].items()
    }
    np.savez(tmp_path / "single.npz", **arrays)
    network = deeplab_v2(21, multi_level=multi_level, depth=50, width=0.1, normalization=Normalization())
    loaded = onto_zeros(network, tmp_path / "single.npz")
    assert loaded.network.normalization == BGR
    assert loaded.report.remark == ""
    assert not loaded.report.skipped
    assert len(loaded.report.missing) == (8 if multi_level else 0)
    np.testing.assert_array_equal(
        loaded.variables["params"]["layer6" if multi_level else "layer5"]["conv2d_list_3"]["bias"],
        arrays["layer6.conv2d_list.3.bias"],
    )


def test_weights_that_stride_elsewhere_are_told_in_one_line(resnet_file, caffe_file):
    torch, caffe = "3x3 (torchvision's form)", "first 1x1 (Caffe's form)"
    for network, file, given, wanted in (
        (deeplab_v2(21, depth=50, width=0.1), resnet_file, torch, caffe),
        (resnet_classifier(7, width=0.1), caffe_file, caffe, torch),
        (resnet_classifier(7, variant="caffe", width=0.1), resnet_file, torch, caffe),
    ):
        line = str(pretrained.fit(network, file[0]))
        assert f"CAUTION: these weights are of a ResNet that strides in the {given}" in line
        assert f"this network strides in the {wanted}" in line
        assert "\n" not in line
    for network, file in (
        (deeplab_v2(21, depth=50, width=0.1), caffe_file),
        (resnet_classifier(7, width=0.1), resnet_file),
        (resnet_classifier(7, variant="caffe", width=0.1), caffe_file),
    ):
        assert pretrained.fit(network, file[0]).remark == ""


def test_weights_of_another_depth_or_form_are_told(resnet_file, tmp_path):
    # resnet50 has 3, 4, 6, 3 blocks, resnet101 3, 4, 23, 3
    line = str(pretrained.fit(resnet_classifier(7, depth=101, width=0.1), resnet_file[0]))
    assert (
        "CAUTION: these weights are of a ResNet of another depth: 0 of their residual blocks are left out, and 17 of"
        in line
    )
    deeper = {**resnet_file[1], "layer3.6.conv1.weight": np.zeros(1, np.float32)}
    np.savez(tmp_path / "deeper.npz", **deeper)
    assert ": 1 of their residual blocks are left out, and 0 of" in str(
        pretrained.fit(resnet_classifier(7, width=0.1), tmp_path / "deeper.npz")
    )
    network = deeplab_v3(5, variant="torchvision", depth=50, width=1 / 16)
    own, torchs = tmp_path / "own.safetensors", tmp_path / "torchs.npz"
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    pretrained.export(network, jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes), own)
    np.savez(torchs, **read(own).arrays)
    assert pretrained.fit(network, torchs).remark == ""
    assert (
        "of torchvision's DeepLabv3, whose dilations"
        in pretrained.fit(deeplab_v3(5, depth=50, width=1 / 16), torchs).remark
    )


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    arrays = random_arrays(vgg_shapes(), seed=2)
    path = tmp_path_factory.mktemp("weights") / "vgg16.npz"
    np.savez(path, **arrays)
    return path, arrays


def test_fully_connected_layers_become_convolutions(vgg_file):
    path, arrays = vgg_file
    loaded = pretrained.load(fcn8s(5, width=1 / 16, variant="metapix"), path)  # scores start at 0
    fc6 = np.asarray(loaded.variables["params"]["fc6"]["kernel"])
    assert fc6.shape == (7, 7, 32, 256)
    pooled = np.random.default_rng(0).normal(size=(7, 7, 32)).astype(np.float32)  # [H, W, D]
    by_torch = arrays["classifier.0.weight"] @ pooled.transpose(2, 0, 1).ravel()  # torch flattens [D, H, W]
    np.testing.assert_allclose(np.einsum("hwd,hwde->e", pooled, fc6), by_torch, rtol=2e-3, atol=1e-3)
    np.testing.assert_array_equal(
        loaded.variables["params"]["fc7"]["kernel"][0, 0], arrays["classifier.3.weight"].T
    )
    assert loaded.report.skipped == ("classifier.6.weight", "classifier.6.bias")
    assert {name.split(".")[0] for name in loaded.report.missing} == {
        "score_fr",
        "score_pool4",
        "score_pool3",
    }
    assert rounded(loaded.network.normalization) == rounded(RGB)  # the variant's own is BGR


def test_a_split_trunk_gets_the_first_block_twice(vgg_file):
    path, arrays = vgg_file
    params = pretrained.load(fcn8s(5, width=1 / 16, split=1), path).variables["params"]
    expected = arrays["features.2.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(params["source"]["features_2"]["kernel"], expected)
    np.testing.assert_array_equal(params["target"]["features_2"]["kernel"], expected)
    assert "features_2" not in params["trunk"]


def test_segnets_encoder_is_vgg(vgg_file):
    path, arrays = vgg_file
    params = onto_zeros(segnet(5, width=1 / 16), path).variables["params"]
    for layer, name in zip(CONVOLUTIONS, SEGNET_NAMES, strict=True):
        np.testing.assert_array_equal(
            params[f"conv{name}"]["kernel"], arrays[f"features.{layer}.weight"].transpose(2, 3, 1, 0)
        )


def test_keys_of_two_layouts_ask_for_one(resnet_file, vgg_file, tmp_path):
    both = resnet_file[1] | vgg_file[1]
    np.savez(tmp_path / "both.npz", **both)
    network = fcn8s(5, width=1 / 16)
    with pytest.raises(InputError, match="its keys fit vgg16 and resnet; say which with layout="):
        pretrained.load(network, tmp_path / "both.npz")
    loaded = pretrained.load(network, tmp_path / "both.npz", layout="vgg16")
    assert len(loaded.report.loaded) == 30
    with pytest.raises(InputError, match="layout: 'vgg' is not known; use one of vgg16, vgg16_bn"):
        pretrained.load(network, tmp_path / "both.npz", layout="vgg")


def test_two_arrays_for_one_place_are_refused(resnet_file, tmp_path):
    arrays = dict(resnet_file[1])
    arrays["backbone.conv1.weight"] = arrays["conv1.weight"]
    np.savez(tmp_path / "twice.npz", **arrays)
    with pytest.raises(InputError, match=r"conv1.weight and backbone.conv1.weight are both for conv1.weight"):
        pretrained.load(resnet_classifier(5, width=0.1), tmp_path / "twice.npz")
