"""The MetaPix benchmark: what it times are the steps that it names, and torch's is the same computation."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmark import metapix as benchmark
from experiments.benchmark.metapix import MetaSteps, run_metapix
from jaxseg.errors import InputError

TINY = MetaSteps(depths=(2,), size=(16, 16), width=4, weighting_width=2, rounds=1)


@pytest.mark.slow
def test_ours_alone_is_timed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_metapix(MetaSteps(**{**TINY.__dict__, "out": tmp_path / "metapix.json"}))
    row = json.loads((tmp_path / "metapix.json").read_text())["metapix"]["2"]
    assert set(row["milliseconds"]) == {"supervised", "joint", "grad", "jvp"}
    assert row["parameters"]["network"] == (27 + 1) * 4 + (36 + 1) * 4 + (4 + 1) * 19
    assert row["temporary_megabytes"]["grad"] > 0
    assert f"| 2 | {row['milliseconds']['supervised']:.1f} |" in capsys.readouterr().out


@pytest.mark.fast
def test_options_that_cannot_be_are_named() -> None:
    with pytest.raises(InputError, match="depths: \\(0,\\); name at least one"):
        run_metapix(MetaSteps(depths=(0,)))
    with pytest.raises(InputError, match="the weighting network needs at least 16x16"):
        run_metapix(MetaSteps(size=(8, 64)))


@pytest.mark.slow
def test_torchs_meta_step_is_ours() -> None:
    """Of equal segmentation networks, both report the same target loss after the virtual step."""
    torch = pytest.importorskip("torch", reason="needs the torch extra: pip install -e '.[torch]'")
    from experiments.benchmark import torch_metapix

    batch = benchmark._batch(TINY)
    method, phase = benchmark.methods(2, TINY)["grad"]
    state = benchmark._state(method, phase, TINY.size)
    steps = torch_metapix.Steps(
        classes=benchmark.CLASSES,
        depth=2,
        width=4,
        weighting_width=2,
        rate=benchmark.RATE,
        batch=batch,
        device="cpu",
    )
    theta = state.params["network"]
    layers = [theta["layer0"], theta["layer1"], theta["head"]]
    convolutions = [module for module in steps.network.children() if isinstance(module, torch.nn.Conv2d)]
    with torch.no_grad():
        for layer, module in zip(layers, convolutions, strict=True):
            module.weight.copy_(torch.tensor(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1)))
            module.bias.copy_(torch.tensor(np.asarray(layer["bias"])))
    _, metrics = jax.jit(type(method).step, static_argnums=3)(
        method, state, jax.tree.map(jnp.asarray, batch), phase
    )
    # The step of 1e-4 moves little: the loss is that of the target, whatever the weights are, to the rate's size.
    assert steps.meta() == pytest.approx(float(metrics["loss"]), rel=1e-4)
