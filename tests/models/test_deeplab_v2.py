"""DeepLabv2 against a torch module of the released key layout: counts, sizes, heads, values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.models import resnet
from jaxseg.models._units import Units
from jaxseg.models.deeplab_v2 import SummedBranches, deeplab_v2
from tests.models import _fresh, oracles
from tests.models._fresh import abstract, parameters


@pytest.mark.parametrize(
    ("classes", "options", "published"),
    [
        pytest.param(19, {}, 43_901_068, marks=pytest.mark.fast),
        (19, {"aspp": "released_two"}, 43_901_068),
        (19, {"multi_level": True}, 44_601_560),
        (21, {}, 44_048_532),
    ],
)
def test_parameter_counts_are_the_published_ones(classes, options, published):
    assert parameters(deeplab_v2(classes, **options)) == published


@pytest.mark.parametrize(
    ("size", "logits"),
    [
        ((720, 1280), (91, 161)),
        ((512, 1024), (65, 129)),
        ((760, 640), (96, 81)),
        ((576, 1344), (73, 169)),
        ((2048, 33), (257, 5)),
    ],
)
def test_corners_of_logits_and_image_coincide(size, logits):
    network = deeplab_v2(3, multi_level=True, depth=50, width=1 / 16)
    image, variables = abstract(network, *size)
    output, _ = jax.eval_shape(lambda v, x: network.apply(v, x, train=False), variables, image)
    assert output.logits.shape == output.aux.shape == (1, *logits, 3)
    assert network.align_corners


def torch_deeplab(classes, blocks, multi_level, summed):
    pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from experiments.benchmark import torch_networks

    return torch_networks.deeplab_v2(classes, blocks, multi_level, summed)


def assert_equals_torch(network, model, *image_sizes):
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    oracles.randomize(model)
    variables = jax.tree.map(jnp.asarray, oracles.variables(model.state_dict()))
    shapes = jax.tree.map(lambda leaf: leaf.shape, abstract(network)[1])
    assert jax.tree.map(lambda leaf: leaf.shape, variables) == shapes
    for size in image_sizes:
        image, torch_image = oracles.image(*size)
        with torch.no_grad():
            logits, aux = model(torch_image)
        output, _ = network.apply(variables, jnp.asarray(image), train=False)
        oracles.assert_same(output.logits, logits)
        if aux is not None:
            oracles.assert_same(output.aux, aux)
        else:
            assert output.aux is None


@pytest.mark.slow
def test_resnet101_with_two_heads_equals_torch():
    model = torch_deeplab(19, (3, 4, 23, 3), multi_level=True, summed=4)
    assert_equals_torch(deeplab_v2(19, multi_level=True), model, (33, 49), (64, 48))


@pytest.mark.parametrize(("aspp", "summed"), [("four", 4), ("released_two", 2)])
def test_head_sums_all_branches_or_the_first_two(aspp, summed):
    model = torch_deeplab(5, (3, 4, 6, 3), multi_level=False, summed=summed)
    assert_equals_torch(deeplab_v2(5, aspp=aspp, depth=50), model, (40, 33))


def small(**options):
    return deeplab_v2(4, depth=50, width=1 / 16, **options)


@pytest.fixture
def few_blocks(monkeypatch):
    """One block a layer: nothing here depends on their number."""
    monkeypatch.setitem(resnet._BLOCKS, 50, (1, 1, 1, 1))


@pytest.fixture
def image():
    return jax.random.normal(jax.random.key(1), (2, 16, 24, 3))


@pytest.fixture
def fresh(few_blocks, image):
    return _fresh.variables(small(multi_level=True), image)


def test_heads_are_drawn_as_published():
    head = SummedBranches(4, Units())
    variables = head.init(jax.random.key(0), jnp.zeros((1, 1, 1, 128)))
    drawn = np.concatenate([leaf["kernel"].ravel() for leaf in variables["params"].values()])
    assert drawn.size == 4 * 9 * 128 * 4
    assert abs(drawn.std() - 0.01) < 0.0005
    assert abs(drawn.mean()) < 0.0005
    assert not any(leaf["bias"].any() for leaf in variables["params"].values())


def test_head_names_are_modules_of_the_network(fresh):
    network = small(multi_level=True)
    assert set(network.head) <= set(fresh["params"])
    trunk = set(fresh["params"]) - set(network.head)
    assert all(name.startswith(("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")) for name in trunk)
    assert small().head == ("layer5",)


def test_recomputing_changes_nothing(image, fresh):
    plain, after = _fresh.forward(small(multi_level=True), True)(fresh, image)
    again, after_again = _fresh.forward(small(multi_level=True, remat=True), True)(fresh, image)
    oracles.assert_same_tree((again.logits, again.aux, after_again), (plain.logits, plain.aux, after), 1e-4)


def test_half_precision_inside_gives_float32_logits(image, fresh):
    plain, _ = _fresh.forward(small(multi_level=True), False)(fresh, image)
    half, _ = _fresh.forward(small(multi_level=True, dtype=jnp.bfloat16), False)(fresh, image)
    assert half.logits.dtype == half.aux.dtype == jnp.float32
    assert half.features.dtype == jnp.bfloat16
    oracles.assert_same_tree((half.logits, half.aux), (plain.logits, plain.aux), 0.05)


def test_statistics_of_domains_are_kept_apart(image):
    network = small(batch_norm="per_domain")
    statistics = abstract(network)[1]["batch_stats"]
    assert set(statistics) == {"source", "target"}
    assert jax.tree.structure(statistics["source"]) == jax.tree.structure(statistics["target"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"aspp": "two"}, "deeplab_v2.aspp: 'two' is not known; use 'four' or 'released_two'"),
        ({"depth": 18}, "deeplab_v2.depth: 18 is not known; use 50 or 101"),
        ({"width": 0.0}, "deeplab_v2.width: 0.0; use a number above 0"),
        ({"batch_norm": "eval"}, "deeplab_v2.batch_norm: 'eval' is not known"),
        ({"classes": 0}, "deeplab_v2.classes: 0; use at least 1"),
    ],
)
def test_unusable_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(InputError) as error:
        deeplab_v2(**{"classes": 19, **arguments})
    assert message in str(error.value)


def test_default_input_is_bgr_less_the_mean():
    pixel = jnp.asarray([[[[255, 10, 0]]]], jnp.uint8)
    found = np.asarray(deeplab_v2(19).normalization(pixel)).ravel()
    np.testing.assert_allclose(found, [-104.00698793, 10 - 116.66876762, 255 - 122.67891434], rtol=1e-6)
