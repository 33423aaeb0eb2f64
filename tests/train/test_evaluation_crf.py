"""Scoring what a dense CRF makes of a network's output."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import losses
from jaxseg.crf import DenseCRF
from jaxseg.data.augment import resize_image
from jaxseg.errors import InputError
from jaxseg.methods import ObjectiveMethod, Term
from jaxseg.train import EvaluationProtocol, Experiment, Member, evaluate, with_arguments
from jaxseg.train._scores import View, scores
from jaxseg.train.experiment import differences, resolved
from tests.tiny import Blocks, Patches, classifier, network

CRF = DenseCRF(iterations=2, position_spread=4.0, colour_spread=30.0)


def member() -> Member:
    net = network()
    return Member(net, net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3))))


def experiment() -> Experiment:
    method = ObjectiveMethod(network(), {"source": Term(losses.SoftmaxCrossEntropy())}, 2)
    return Experiment("tiny", Blocks(), method)


def test_scores_are_smoothed_at_the_labels_size() -> None:
    labels = (4, 8)
    image = jnp.asarray(np.random.default_rng(0).integers(0, 256, (2, 8, 16, 3)), jnp.uint8)
    one, size = member(), (2, *labels)
    seen = jax.jit(lambda view: scores([one], image, size, view), static_argnums=0)
    plain, smooth = seen(View(flip=True)), seen(View(flip=True, crf=CRF))
    colours = resize_image(image.astype(jnp.float32), labels)
    np.testing.assert_allclose(smooth, jax.jit(CRF.__call__)(plain, colours), atol=1e-4)
    assert np.abs(np.exp(smooth) - jax.nn.softmax(plain)).max() > 0.01


def test_a_split_is_scored_so_and_says_it() -> None:
    one = member()
    found = [
        evaluate(one.network, one.variables, Blocks(), "val", EvaluationProtocol(batch=4, crf=crf))
        for crf in (None, CRF)
    ]
    assert (found[0].counts != found[1].counts).any()
    assert found[1].record(1)["protocol"] == (
        "last checkpoint, input native size, labels at native size, single scale, dense CRF of 2 iterations "
        "(position_spread 4, colour_spread 30)"
    )


def test_an_option_turns_it_on() -> None:
    before = experiment()
    after = with_arguments(before, ["--evaluation.crf.iterations", "2", "--evaluation.crf.filter", "grid"])
    assert after.evaluation.crf == DenseCRF(iterations=2, filter="grid")
    assert with_arguments(before, []).evaluation.crf is None
    # Runs from before there was such a field go on.
    old = resolved(before)
    del old["evaluation"]["crf"]
    assert differences(old, resolved(before)) == []
    with pytest.raises(InputError, match=r"crf\.filter: 'fast' is not known"):
        with_arguments(before, ["--evaluation.crf.filter", "fast"]).validate()


def test_whole_images_are_not_smoothed() -> None:
    net = classifier()
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    with pytest.raises(InputError, match=r"evaluation\.crf: it smooths label maps"):
        evaluate(net, variables, Patches(), "val", dataclasses.replace(EvaluationProtocol(), crf=CRF))
