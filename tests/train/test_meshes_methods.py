"""Every method on every mesh: two steps from a raw batch end with the state, the loss and the terms of one device."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from unittest import mock

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses, models
from jaxseg.data.augment import ScaleCropFlip
from jaxseg.methods import SGD, Guided, Method, State, Term
from jaxseg.models import LinenNetwork, Normalization, Output, layers
from jaxseg.train import MeshShape, _program, mesh
from tests.methods import (
    adversaries,
    test_confidence_mask,
    test_conservative_gan_networks,
    test_dann,
    test_hr_select,
    test_hyper,
    test_label_adversary,
    test_mean_teacher,
    test_metapix,
    test_objective,
    test_pixel_da,
    test_reweight,
    test_self_training,
)
from tests.methods.adversaries import AUXILIARY, LEVELS, SOURCE, adversary
from tests.models._fresh import QUICK
from tests.train.meshes import ALL, ONE, RELATIVE, distance, doubled

BATCH, SIZE, CLASSES, VOID, STEPS = 8, (32, 12), 3, 255, 2
RATE = SGD(learning_rate=0.05)
"""For all networks: Adam makes whole steps of gradients that are nothing but rounding."""


class Heads(nn.Module):
    """Two heads over a normalised convolution with dropout; smooth everywhere."""

    dropout: float = 0.25

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = layers.BatchNorm(name="norm")(layers.Conv(8, (3, 3), name="trunk")(image), train=train)
        x = nn.Dropout(self.dropout, deterministic=not train)(nn.softplus(x))
        return Output(nn.Dense(CLASSES, name="head")(x), nn.Dense(CLASSES, name="low")(x), features=x)


class Halved(nn.Module):
    """Features and scores at half the image's size."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> Output:
        x = layers.BatchNorm(name="norm")(layers.Conv(8, (3, 3), stride=2, name="trunk")(image), train=train)
        x = nn.softplus(x)
        return Output(nn.Dense(CLASSES, name="head")(x), features=x)


def network(module: nn.Module) -> LinenNetwork:
    return LinenNetwork(CLASSES, Normalization(), module=module)


HEADS = network(Heads())
OBJECTIVE = {
    "source": SOURCE,
    "source_aux": AUXILIARY,
    "structure": Term(losses.StructuralSimilarity(), weight=0.5),
    "target": Term(losses.MaximumSquaresImageWise(), weight=0.3, domain="target"),
}


class Case(NamedTuple):
    """A method, how its batch is made, the phases that it is tried in, and what augments."""

    build: Callable[[], Method]
    batch: Callable[[np.random.Generator], dict[str, np.ndarray]]
    phases: tuple[int, ...] = (0,)
    augment: Mapping[str, ScaleCropFlip] = {}


def part(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Images of one domain with labels; of some images few pixels have one."""
    label = rng.integers(0, CLASSES, (BATCH, *SIZE)).astype(np.uint8)
    label[:2, : SIZE[0] // 2] = VOID
    label[5, :, 2:] = VOID
    return {"image": rng.integers(0, 256, (BATCH, *SIZE, 3)).astype(np.uint8), "label": label}


def soft(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """As `part`, with labels that are shares of classes, in 1/255, and where there is none all 0."""
    given = part(rng)
    shares = rng.dirichlet(np.ones(CLASSES), (BATCH, *SIZE)) * 255
    return {**given, "targets": np.where((given["label"] == VOID)[..., None], 0, shares).astype(np.uint8)}


def whole(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Images of a colour each, with one label each."""
    colour = rng.integers(40, 216, (BATCH, 1, 1, 3))
    image = (colour + rng.integers(-40, 40, (BATCH, *SIZE, 3))).astype(np.uint8)
    return {"image": image, "label": np.resize(np.array([0, 1, 2, VOID], np.int32), BATCH)}


def guided() -> Method:
    return test_objective.method(network=HEADS, objective=OBJECTIVE | {"guided": Guided(threshold=0.4)})


def adversarial() -> Method:
    return adversaries.pixelwise(
        network=HEADS,
        discriminator=adversary(models.patchgan(1, channels=CLASSES, layers=1, width=8, norm="batch").module),
        levels=LEVELS,
        optimizer=RATE,
        discriminator_optimizer=RATE,
    )


def label_adversary() -> Method:
    module = models.patchgan(1, channels=3 * CLASSES, layers=1, width=8, norm="batch").module
    return test_label_adversary.method(
        "product", network=HEADS, discriminator=adversary(module, 3 * CLASSES), optimizer=RATE
    )


def conservative_gan() -> Method:
    return test_conservative_gan_networks.drawing(
        network=network(Halved()),
        generator=models.generator(3, embedding=(8,), strides=(2,), width=2, noise=1),
        discriminator=models.patchgan(2, layers=1, width=8),
        optimizer=RATE,
        generator_optimizer=RATE,
        discriminator_optimizer=RATE,
    )


def self_training() -> Method:
    objective = {"source": SOURCE, "target": test_self_training.SOFT}
    return test_self_training.method(network=HEADS, labels="lrent", objective=objective)


def metapix(hypergradient: str = "grad") -> Method:
    fields = {"weighting_optimizer": RATE, "optimizer": RATE, "hypergradient": hypergradient}
    return test_metapix.method(dtype="float64", network=HEADS, **fields)


def pixel_da() -> Method:
    return test_pixel_da.method(
        network=HEADS,
        generator=models.redrawer(noise=2, blocks=1, width=4),
        discriminator=models.redrawn_discriminator(halvings=1, width=4),
        optimizer=RATE,
        generator_optimizer=RATE,
        discriminator_optimizer=RATE,
    )


def hr_select() -> Method:
    drawn = test_hr_select.drawn(
        generator=models.generator(3, embedding=(8,), strides=(2,), width=2, noise=1),
        discriminator=models.patchgan(2, layers=1, width=8),
        embedding="features",
        generator_optimizer=RATE,
        discriminator_optimizer=RATE,
    )
    return test_hr_select.method(
        network=network(Halved()), reconstruction=drawn, optimizer=RATE, weighting_optimizer=RATE
    )


CASES = {
    "objective": Case(
        lambda: test_objective.method(network=HEADS, objective=OBJECTIVE),
        part,
        augment={"crop": ScaleCropFlip(size=SIZE)},
    ),
    "guided": Case(guided, part),
    "adversarial": Case(adversarial, part),
    "label_adversary": Case(label_adversary, part),
    "dann": Case(test_dann.whole, whole),
    "conservative_gan": Case(conservative_gan, part),
    "mean_teacher": Case(
        lambda: test_mean_teacher.method(network=network(Heads(dropout=0.0)), classes_of="batch"), part
    ),
    "self_training": Case(self_training, soft),
    "metapix": Case(metapix, part, phases=(0, 1, 2)),
    "metapix_jvp": Case(lambda: metapix("jvp"), part, phases=(1,)),
    "pixel_da": Case(pixel_da, part),
    "hr_select": Case(hr_select, part),
    "confidence_mask": Case(
        lambda: test_confidence_mask.method(network=HEADS, optimizer=RATE), part, phases=(0, 1)
    ),
    "reweight": Case(
        lambda: test_reweight.method(network=HEADS, per="pixel", target_weight=1.0, optimizer=RATE), part
    ),
    "hyper": Case(lambda: test_hyper.method(network=HEADS), part),
}


def batches(case: Case) -> list[dict[str, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(0)
    labelled = whole if case.batch is whole else part
    return [{"source": labelled(rng), "target": case.batch(rng)} for _ in range(STEPS)]


def begun(method: Method, phase: int) -> State:
    """The state that a phase begins with, on the host."""

    def build(seed: jax.Array) -> State:
        return method.begin(method.init(seed, jnp.zeros((1, *SIZE, 3))), phase)

    state = jax.jit(build, compiler_options=QUICK)(jnp.int32(0))
    return jax.device_get(state)


def stepped(case: Case, shape: MeshShape, phase: int, start: State) -> dict[str, Any]:
    """What two steps make of a state, and what the last of them tells."""
    method, sharded = case.build(), shape.parameters == "sharded"
    on = shape.build(BATCH)
    state, metrics, step = start, None, None
    with jax.set_mesh(on):
        places = mesh.state_shardings(on, shape.parameters, start)
        for batch in batches(case):
            arguments = jax.device_put(state, places), mesh.put_batch(on, batch)
            if step is None:
                lowered = _program.step.lower(method, case.augment, None, *arguments, phase, sharded)
                step = lowered.compile(compiler_options=QUICK)
            state, metrics = step(method, case.augment, None, *arguments)
        parts = {name: getattr(state, name) for name in ("params", "batch_stats", "opt_state")}
        return jax.device_get(parts | {name: metrics[name] for name in ("loss", "terms")})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "phase"), [(name, phase) for name in CASES for phase in CASES[name].phases])
def test_a_method_computes_on_every_mesh_what_it_computes_on_one_device(name: str, phase: int) -> None:
    with doubled():
        case = CASES[name]
        start = begun(case.build(), phase)
        expected = stepped(case, ONE, phase, start)
        assert {leaf.dtype for leaf in jax.tree.leaves(expected["params"])} == {np.dtype(np.float64)}
        assert distance(start.params, expected["params"]) > 1e-4
        for shown, shape in ALL.items():
            found = stepped(case, shape, phase, start)
            for part, wanted in expected.items():
                assert distance(wanted, found[part]) <= RELATIVE, (shown, part)


def test_the_state_is_split_where_it_is_said_to_be() -> None:
    """Else the meshes that split it would show nothing."""
    start = begun(CASES["objective"].build(), 0)
    shape = ALL["2x4 split"]
    with mock.patch.object(mesh, "SMALL", 1):
        places = mesh.state_shardings(shape.build(BATCH), shape.parameters, start)
    assert places.params["trunk"]["kernel"].spec[-1] == ("data", "space")
    assert places.opt_state is not None
    assert dataclasses.replace(shape, parameters="replicated") == ALL["2x4"]
