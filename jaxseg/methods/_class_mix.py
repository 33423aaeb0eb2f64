"""ClassMix across domains (Tranheden et al. 2021): pixels of some classes of a source image, to paste onto a target."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Integer, Key

from jaxseg.errors import InputError

LISTS = ("image", "batch")


def class_mask(
    key: Key[Array, ""], label: Integer[Array, "B H W"], classes: int, *, listed: str = "image"
) -> Bool[Array, "B H W"]:
    """Pixels of half of the classes of each label image, the half drawn at random, rounded up.

        mask_b = union over c in K_b of {n: y_b,n = c},    K_b of size ceil(|L_b| / 2), uniform among the subsets of L_b

    Args:
      key: random key; image b draws from `fold_in(key, b)`.
      label: [B, H, W] class ids; ids outside 0..C-1 are void.
      classes: C.
      listed: what L_b is: `"image"`, the classes that occur in label image b; `"batch"`, one list of all label images,
        void among it where it occurs, so that a label image may lose all or none of its classes and void pixels are
        pasted too.

    Returns:
      [B, H, W] bool, true where the source image is to be shown; never at void pixels under `"image"`.

    Raises:
      InputError: `listed` is neither.

    Source: Tranheden et al., "DACS", WACV 2021. Its released code lists each image's own labels, void among
    them; DAFormer's (Hoyer et al., CVPR 2022) lists those of the batch, which is `"batch"`. That void is no class is
    ours, and the default.

    >>> class_mask(jax.random.key(0), jnp.array([[[2, 2, 255]]]), 3)  # one class, which is half of it rounded up
    Array([[[ True,  True, False]]], dtype=bool)
    """
    if listed not in LISTS:
        raise InputError(f"listed: {listed!r} is not known; use 'image' or 'batch'")
    slots = classes + 1 if listed == "batch" else classes  # the last one is void's
    ids = label.astype(jnp.int32)
    ids = jnp.where((ids < 0) | (ids >= classes), classes, ids)
    here = ids[..., None] == jnp.arange(slots)
    present = jnp.any(here, axis=(1, 2))
    if listed == "batch":
        present = jnp.broadcast_to(jnp.any(present, axis=0), present.shape)
    keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(label.shape[0]))
    lot = jax.vmap(lambda one: jax.random.uniform(one, (slots,)))(keys)
    lot = jnp.where(present, lot, 2.0)  # behind every class that is there
    place = jnp.argsort(jnp.argsort(lot, axis=-1), axis=-1)
    wanted = (jnp.sum(present, axis=-1, keepdims=True) + 1) // 2
    return jnp.any(here & (place < wanted)[:, None, None, :], axis=-1)
