"""Every round crops around the classes that its own labelling predicts too little of, resumed or not."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.data.augment import RareCentre, ScaleCropFlip
from jaxseg.train import trainer
from tests.train.self_trained import experiment, trained


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_round_is_told_what_its_labelling_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = 0.34
    centre = RareCentre(share=share)
    built = experiment(
        augment={"crop": ScaleCropFlip(size=(6, 12), scale=(1.0, 2.0), centre=centre, domain="target")},
        checkpoint_every=1,
    )
    told: list[tuple[int, list[bool]]] = []

    def watched(method: Any, augment: Any, translate: Any, state: Any, *_: Any) -> Any:
        """No training: the classes change places, and so the next round predicts others."""
        told.append((int(state.step) // 2, np.asarray(augment["crop"].centre.rare).tolist()))
        if len(told) == 4:
            raise Killed
        turned = dataclasses.replace(
            state,
            step=state.step + 1,
            params=jax.tree.map(lambda leaf: jnp.roll(leaf, 1, axis=-1), state.params),
        )
        return turned, {"loss": jnp.zeros(()), "terms": {}}

    monkeypatch.setattr(trainer, "_step", watched)
    with pytest.raises(Killed):
        trained(tmp_path / "run", built)
    trained(tmp_path / "run", built)  # goes on in the middle of round 1
    expected = []
    for number in (0, 0, 1, 1, 1):
        manifest = tmp_path / f"run/pseudo_labels/round{number}/manifest.json"
        predicted = np.array(json.loads(manifest.read_text())["predicted"], float)
        expected.append((number, (predicted / predicted.sum() < share).tolist()))
    assert told == expected
    assert any(any(rare) for _, rare in told)
    assert expected[0][1] != expected[2][1]
