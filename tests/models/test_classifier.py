"""Image classifiers: torchvision's ResNet-50 and ResNet-101, the bottleneck, the small one for digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import resnet
from jaxseg.models.classifier import digits_classifier, resnet_classifier
from tests.models import _fresh, oracles
from tests.models._fresh import abstract, parameters


def test_parameter_counts():
    # torchvision's published numbers, for 1000 classes.
    assert parameters(resnet_classifier(1000, bottleneck=None)) == 25_557_032
    assert parameters(resnet_classifier(1000, depth=101, bottleneck=None)) == 44_549_160
    # Trunk, linear 2048 to 256 with bias, its normalisation, linear 256 to 31.
    assert parameters(resnet_classifier(31)) == 23_508_032 + 2049 * 256 + 2 * 256 + 257 * 31
    convolutions = 25 * (3 * 32 + 32 * 64 + 64 * 128) + 2 * (32 + 64 + 128)
    assert parameters(digits_classifier(10)) == convolutions + 129 * 10


def test_outputs_have_no_spatial_axes():
    for network, size, features in (
        (resnet_classifier(31, width=1 / 16), (48, 33), 256),
        (resnet_classifier(31, width=1 / 16, bottleneck=None), (48, 33), 128),
        (digits_classifier(10), (28, 28), 128),
    ):
        image, variables = abstract(network, *size, batch=2)
        output, _ = jax.eval_shape(lambda v, x, n=network: n.apply(v, x, train=False), variables, image)
        assert output.logits.shape == (2, network.classes)
        assert output.features.shape == (2, features)
        assert output.aux is None


@pytest.mark.slow
@pytest.mark.parametrize("depth", [50, 101])
def test_resnet_equals_torchvision(depth):
    models = oracles.torchvision().models
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    model = oracles.randomize(getattr(models, f"resnet{depth}")(num_classes=7))
    torch.nn.init.normal_(model.fc.weight)
    state = model.state_dict()
    weight, bias = state.pop("fc.weight"), state.pop("fc.bias")
    variables = oracles.variables(state)
    variables["params"]["fc"] = {"kernel": weight.numpy().T.copy(), "bias": bias.numpy()}
    variables = jax.tree.map(jnp.asarray, variables)
    for size in ((33, 49), (64, 48)):
        image, torch_image = oracles.image(*size, batch=2)
        with torch.no_grad():
            expected = model(torch_image).numpy()
        network = resnet_classifier(7, depth=depth, bottleneck=None)
        output, _ = network.apply(variables, jnp.asarray(image), train=False)
        assert np.abs(output.logits - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(resnet._BLOCKS, 50, (1, 1, 1, 1))
    network = resnet_classifier(5, width=1 / 16, bottleneck=6)
    image = jax.random.normal(jax.random.key(1), (3, 17, 16, 3))
    return network, image, _fresh.variables(network, image)


def test_bottleneck_is_linear_normalised_and_rectified(small):
    network, image, variables = small
    params = variables["params"]
    unused = {"fc": {"kernel": jnp.zeros((128, 5)), "bias": jnp.zeros(5)}}
    without = _fresh.forward(resnet_classifier(5, width=1 / 16, bottleneck=None), False)
    pooled, _ = without({**variables, "params": {**params, **unused}}, image)
    y = np.asarray(pooled.features) @ params["bottleneck_0"]["kernel"] + params["bottleneck_0"]["bias"]
    features = np.maximum(y / np.sqrt(1 + 1e-5), 0)  # fresh statistics
    logits = features @ params["head"]["kernel"] + params["head"]["bias"]
    output, _ = _fresh.forward(network, False)(variables, image)
    np.testing.assert_allclose(output.features, features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(output.logits, logits, rtol=1e-4, atol=1e-5)


def test_head_names_are_modules_of_the_network(small):
    network, _, variables = small
    assert {name for name in variables["params"] if not name.startswith(("layer", "conv1", "bn1"))} == set(
        network.head
    )
    assert resnet_classifier(5, bottleneck=None).head == ("fc",)
    assert "head" in abstract(digits_classifier(10))[1]["params"]


def test_half_precision_inside_gives_float32_logits(small):
    network, image, variables = small
    plain, _ = _fresh.forward(network, False)(variables, image)
    half = resnet_classifier(5, width=1 / 16, bottleneck=6, dtype=jnp.bfloat16)
    output, _ = _fresh.forward(half, False)(variables, image)
    assert output.logits.dtype == jnp.float32
    oracles.assert_same_tree(output.logits, plain.logits, 0.05)


def test_digits_classifier_tells_two_patterns_apart():
    network = digits_classifier(2, width=0.25)
    stripes = jnp.broadcast_to(jnp.sign(jnp.sin(jnp.arange(28.0)))[:, None, None], (28, 28, 3))
    image = jnp.stack([stripes, stripes.transpose(1, 0, 2)] * 4)
    labels = jnp.arange(8) % 2
    variables = _fresh.variables(network, image)

    def loss(params, statistics):
        noisy = {"params": params, "batch_stats": statistics}
        output, statistics = network.apply(noisy, image, train=True)
        right = jnp.take_along_axis(jax.nn.log_softmax(output.logits), labels[:, None], 1)
        return -right.mean(), statistics

    step = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=_fresh.QUICK)
    params, statistics = variables["params"], variables["batch_stats"]
    values = []
    for _ in range(10):
        (value, statistics), gradient = step(params, statistics)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient)
        values.append(float(value))
    assert values[-1] < 0.1 < values[0]


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (resnet_classifier, {"depth": 18}, "resnet_classifier.depth: 18 is not known; use 50 or 101"),
        (resnet_classifier, {"bottleneck": 0}, "resnet_classifier.bottleneck: 0; use at least 1, or None"),
        (resnet_classifier, {"variant": "tf"}, "resnet_classifier.variant: 'tf' is not known"),
        (digits_classifier, {"width": 0.0}, "digits_classifier.width: 0.0; use a number above 0"),
        (digits_classifier, {"batch_norm": "eval"}, "digits_classifier.batch_norm: 'eval' is not known"),
    ],
)
def test_unusable_arguments_are_refused_in_words(make, arguments, message):
    with pytest.raises(InputError) as error:
        make(10, **arguments)
    assert message in str(error.value)
