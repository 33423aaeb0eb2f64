"""ClassMix: which pixels of the source are pasted."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.errors import InputError
from jaxseg.methods import class_mask

VOID = 255
mask_of = functools.partial(jax.jit, static_argnames=("classes", "listed"))(class_mask)


@pytest.mark.fast
def test_a_pixel_is_of_the_source_where_its_class_was_chosen_and_half_the_classes_are() -> None:
    rng = np.random.default_rng(0)
    for count in range(6):  # of the five classes of each image: none, one, ...
        label = rng.choice([*range(count), VOID], (4, 9, 8))
        mask = np.asarray(mask_of(jax.random.key(count), jnp.asarray(label, jnp.uint8), 5))
        for truth, pasted in zip(label, mask, strict=True):
            shown = {c for c in range(5) if pasted[truth == c].any()}
            assert not any((~pasted)[truth == c].any() for c in shown)
            assert len(shown) == -(-len(set(truth.ravel()) - {VOID}) // 2)
            assert not pasted[truth == VOID].any()


def test_every_half_of_the_classes_is_as_likely_as_any_other() -> None:
    label = jnp.asarray([[[0, 2, 3, 5]]])
    masks = jax.vmap(lambda key: mask_of(key, label, 6)[0, 0])(jax.random.split(jax.random.key(0), 1200))
    found, counts = np.unique(np.asarray(masks), axis=0, return_counts=True)
    assert len(found) == 6
    assert set(found.sum(1)) == {2}
    assert np.abs(counts / 1200 - 1 / 6).max() < 0.04  # 3.7 standard deviations


def test_the_list_of_the_batch_has_void_in_it_and_classes_that_an_image_lacks() -> None:
    lone = jnp.asarray(np.stack([np.full((2, 2), 0), np.full((2, 2), VOID)]), jnp.uint8)
    keys = jax.random.split(jax.random.key(0), 40)
    own = np.asarray(jax.vmap(lambda key: mask_of(key, lone, 3))(keys))
    assert own[:, 0].all()  # one class of one
    assert not own[:, 1].any()
    listed = np.asarray(jax.vmap(lambda key: mask_of(key, lone, 3, listed="batch"))(keys))
    for b in range(2):  # one of two, class 0 and void: all of an image or nothing of it
        whole, nothing = listed[:, b].all((1, 2)), ~listed[:, b].any((1, 2))
        assert (whole | nothing).all()
        assert 5 < whole.sum() < 35
    every = jnp.asarray(np.tile([0, 1, 2, VOID, VOID], (3, 4, 1)), jnp.uint8)
    mask = np.asarray(mask_of(jax.random.key(1), every, 3, listed="batch"))
    shown = [len(set(truth[pasted])) for truth, pasted in zip(np.asarray(every), mask, strict=True)]
    assert shown == [2, 2, 2]  # of four, void among them


def test_an_image_is_mixed_alike_however_many_follow_it() -> None:
    label = jnp.asarray(np.random.default_rng(0).integers(0, 6, (5, 8, 8)))
    key = jax.random.key(3)
    np.testing.assert_array_equal(mask_of(key, label, 6)[:2], mask_of(key, label[:2], 6))
    assert not np.array_equal(mask_of(key, label, 6), mask_of(jax.random.key(4), label, 6))
    with pytest.raises(InputError, match="listed: 'all' is not known"):
        class_mask(key, label, 6, listed="all")


# The step
