"""Scaling on paper: the model's time by hand, what is counted of a small program, and the page that is committed."""

import json
import math
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from experiments.scaling import __main__ as command
from experiments.scaling import program
from experiments.scaling.chips import BACKWARD, UTILISATION, Chip, Nodes, Torus, efficiency, predicted
from experiments.scaling.page import page
from experiments.scaling.program import Case, Counts, Sent, Traded, count
from jaxseg.errors import InputError
from jaxseg.models import LinenNetwork, layers
from jaxseg.train._liveness import traffic_bytes

RESULTS = Path(__file__).parents[2] / "experiments" / "results"
TORUS = Torus(link=100e9, start=2e-6, hop=1e-6)
NODES = Nodes(size=8, inside=400e9, between=50e9, start=8e-6, hop=5e-6)


def counts(**fields: object) -> Counts:
    values = {"flops": 1e12, "traffic": 10**9, "compiled_traffic": 2e9, "state": 10**9, "temporary": 10**9}
    values |= {"compiled_temporary": 10**9, "parameters": 10, "traded": (), "sent": ()}
    return Counts(**(values | fields))


@pytest.mark.fast
def test_rings_and_latencies_are_those_of_the_links() -> None:
    # A cube of 8 has three links a chip, one of 64 six; 6 and 12 hops there and back.
    assert TORUS.ring(8, 1) == pytest.approx(7 / 8 / 300e9)
    assert TORUS.ring(64, 1) == pytest.approx(63 / 64 / 600e9)
    assert TORUS.ring(2, 1) == pytest.approx(1 / 2 / 100e9)
    assert TORUS.latency(8, 1) == pytest.approx(8e-6)
    assert TORUS.latency(512, 1) == pytest.approx(26e-6)
    # Within a node; over 8 nodes, each chip with an eighth of it; and of chips that are all in different nodes.
    assert NODES.ring(4, 1) == pytest.approx(3 / 4 / 400e9)
    assert NODES.ring(64, 1) == pytest.approx(7 / 8 / 400e9 + 7 / 8 / 8 / 50e9)
    assert NODES.ring(64, 8) == pytest.approx(63 / 64 / 50e9)
    assert NODES.ring(4, 4) == pytest.approx(1 / 2 / 400e9 + 1 / 2 / 2 / 50e9)
    assert NODES.latency(8, 1) == pytest.approx(8e-6)
    assert NODES.latency(512, 1) == pytest.approx(68e-6)


def test_time_is_the_longer_of_computing_and_moving_and_what_is_exchanged() -> None:
    chip = Chip("one", flops=100e12, memory=1e11, bandwidth=1e12, links=NODES, host=8)
    given = counts(
        traded=(
            Traded("all-gather", "other", 8, 1, 8_000_000),
            Traded("all-reduce", "gradient", 8, 1, 800_000_000),
            Traded("all-reduce", "other", 8, 1, 4_000_000),
            Traded("collective-permute", "other", 2, 1, 40_000_000),
        ),
        sent=(
            Sent("all-gather", 8, 1, 1),
            Sent("all-reduce", 8, 1, 100),
            Sent("collective-permute", 2, 1, 10),
        ),
    )
    time = predicted(given, chip)
    assert time.arithmetic
    assert time.computing == pytest.approx(1e12 / (100e12 * UTILISATION))  # 20 ms; moving takes 1
    assert time.gradient == pytest.approx(2 * 7 / 8 * 0.8e9 / 400e9)  # 3.5 ms
    assert time.statistics == pytest.approx(2 * 7 / 8 * 4e6 / 400e9 + 100 * 8e-6)
    assert time.halos == pytest.approx(40e6 / 400e9 + 10 * 8e-6 + 7 / 8 * 8e6 / 400e9 + 8e-6)
    assert time.slow == pytest.approx(time.computing + time.gradient + time.statistics + time.halos)
    assert time.fast == pytest.approx(time.slow - time.gradient)
    moving = predicted(counts(traffic=10**11), chip)  # 100 ms
    assert not moving.arithmetic
    assert moving.computing == moving.fast == moving.slow == pytest.approx(0.1)


def test_a_gradient_longer_than_the_backward_pass_is_hidden_in_part() -> None:
    chip = Chip("one", flops=100e12, memory=1e11, bandwidth=1e12, links=TORUS, host=4)
    time = predicted(counts(traded=(Traded("all-reduce", "gradient", 2, 1, 10**10),)), chip)
    assert time.gradient == pytest.approx(0.1)
    assert time.fast == pytest.approx(0.02 + 0.1 - BACKWARD * 0.02)


def test_efficiency_is_the_share_of_one_devices_speed() -> None:
    assert efficiency(step=0.05, images=4, devices=8, alone=0.04) == pytest.approx(0.4)


def test_traffic_is_what_kernels_read_and_write() -> None:
    def work(x, w):
        y = jnp.maximum(x @ w, 0.0)
        return jnp.sum(y) + jnp.sum(y @ y.T)

    given = (jax.ShapeDtypeStruct((4, 8), jnp.float32), jax.ShapeDtypeStruct((8, 16), jnp.float32))
    product = 4 * (4 * 8 + 8 * 16 + 4 * 16)
    maximum = 4 * (4 * 16 + 4 * 16)  # it is read twice, so it is stored
    sums = 4 * (4 * 16 + 1) + 4 * (4 * 4 + 1) + 4 * 3
    square = 4 * (4 * 16 + 4 * 4)  # both its sides are one array, and turning it costs nothing
    assert traffic_bytes(jax.make_jaxpr(work)(*given).jaxpr) == product + maximum + sums + square


class Small(nn.Module):
    """A 3x3 convolution, normalised, and a 1x1."""

    @nn.compact
    def __call__(self, image: jax.Array, train: bool) -> jax.Array:
        x = layers.Conv(8, (3, 3), name="wide")(image)
        x = layers.BatchNorm(name="bn")(x, train=train)
        return layers.Conv(program.CLASSES, name="head")(nn.relu(x))


def test_a_small_program_exchanges_its_gradient_its_statistics_and_a_row_each_way() -> None:
    height, width = 16, 32
    case = Case(data=2, space=4, batch=2, size=(height, width), precision="float32")
    found = count(case, LinenNetwork(classes=program.CLASSES, module=Small()))
    kernels = 3 * 3 * 3 * 8 + 8 * program.CLASSES
    assert found.parameters == kernels + 8 + 8
    # The kernels' gradients are summed along both axes of the mesh, one after the other.
    gradient = {(part.devices, part.stride): part.bytes for part in found.traded if part.what == "gradient"}
    assert gradient == {(2, 4): 4 * kernels, (4, 1): 4 * kernels}
    shifts = [part for part in found.traded if part.kind == "collective-permute"]
    # Rows of the float32 image, up and down: for the convolution, and at most once more for its kernel's gradient.
    row = width * 3 * 4
    assert sum(part.bytes for part in shifts) in (2 * row, 4 * row)
    assert sum(part.operations for part in found.sent if part.kind == "collective-permute") in (2, 4)
    assert not [part for part in found.traded if part.kind in ("all-gather", "all-to-all")]
    # The products of an eighth of the pixels: 2 passes of the first layer, 3 of the other. The rest is normalisation
    # and loss, which weigh much where channels are few.
    pixels = case.batch * height * width / case.devices
    products = 2 * pixels * (2 * 3 * 3 * 3 * 8 + 3 * 8 * program.CLASSES)
    assert products < found.flops < 1.6 * products


def taps(side: int, stride: int, dilation: int, kernel: int) -> int:
    """Pairs of an output and an input pixel along one axis that a kernel joins, its padding left out."""
    reach = dilation * (kernel - 1) // 2
    return sum(
        0 <= stride * place - reach + dilation * tap < side
        for place in range(math.ceil(side / stride))
        for tap in range(kernel)
    )


def products_of_deeplab_v3(height: int, width: int) -> float:
    """Multiplications and additions of a step, by the tables of the papers; of each layer, three passes."""
    total = 0

    def conv(
        size: tuple[int, int], i: int, o: int, k: int = 1, stride: int = 1, dilation: int = 1, passes: int = 3
    ):
        nonlocal total
        total += 2 * passes * i * o * math.prod(taps(side, stride, dilation, k) for side in size)
        return tuple(math.ceil(side / stride) for side in size)

    size = conv((height, width), 3, 64, 7, 2, passes=2)  # the image needs no gradient
    size, channels = tuple(math.ceil(side / 2) for side in size), 64
    stages = ((3, 64, 1, (1, 1, 1)), (4, 128, 2, (1,) * 4), (23, 256, 2, (1,) * 23), (3, 512, 1, (2, 4, 8)))
    for blocks, planes, stride, dilations in stages:
        for block in range(blocks):
            step = stride if block == 0 else 1
            if block == 0:
                conv(size, channels, 4 * planes, stride=step)
            conv(size, channels, planes)
            size = conv(size, planes, planes, 3, step, dilations[block])
            conv(size, planes, channels := 4 * planes)
    conv(size, 2048, 256)
    for dilation in (6, 12, 18):
        conv(size, 2048, 256, 3, dilation=dilation)
    conv((1, 1), 2048, 256)
    conv(size, 5 * 256, 256)
    conv(size, 256, program.CLASSES)
    return total


def test_xla_counted_the_products_of_deeplab_v3() -> None:
    """Beside products it counts what normalisation does to each number, which is a few percent."""
    rows = json.loads((RESULTS / "scaling.json").read_text())["rows"]
    assert {row["case"]["network"] for row in rows} == {"deeplab_v3"}
    for row in rows:
        if row["case"]["space"] == 1 and not row["case"]["remat"]:
            images = row["case"]["batch"] / row["case"]["data"]
            products = images * products_of_deeplab_v3(*row["case"]["size"])
            assert products < row["counts"]["flops"] < 1.05 * products


def test_the_page_is_what_its_record_renders_to() -> None:
    record = json.loads((RESULTS / "scaling.json").read_text())
    assert page(record) == (RESULTS / "scaling.md").read_text()
    meshes = {(row["case"]["data"], row["case"]["space"]) for row in record["rows"]}
    assert meshes >= {(n // space, space) for n in (8, 64, 512) for space in (1, 2, 4, 8)}


def test_a_record_is_taken_up_where_it_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Case] = []

    def compiled(case: Case) -> Counts:
        asked.append(case)
        if len(asked) == 3:
            raise InputError("no room")
        return counts(
            sent=(Sent("all-reduce", case.devices, 1, 5),),
            traded=(Traded("all-reduce", "gradient", 2, 1, 8),),
        )

    monkeypatch.setattr(program, "compiled_counts", compiled)
    out = tmp_path / "scaling.json"
    given = ["--devices", "8", "--space", "1", "2", "--out", str(out)]
    with pytest.raises(InputError, match="no room"):
        command.main(given)
    assert len(json.loads(out.read_text())["rows"]) == 2
    command.main(given)
    assert [(case.data, case.space) for case in asked] == [(1, 1), (8, 1), (4, 2), (4, 2), (1, 1), (1, 1)]
    assert asked[4].precision == "float32"
    assert asked[5].remat
    text = out.with_suffix(".md").read_text()
    assert "| 8 | 4 x 2 |" in text
    assert page(json.loads(out.read_text())) == text


def test_what_cannot_be_a_mesh_is_refused() -> None:
    with pytest.raises(InputError, match="devices 6, space 1: use powers of two"):
        command.main(["--devices", "6"])
    with pytest.raises(InputError, match="names the record"):
        command.main(["--out", "page.md"])
