"""What the compiled step makes of a raw batch before the method sees it: augmentation, style, place on the mesh."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.train.mesh import batch_spec

DOMAINS = ("source", "target")


def augmented(augment: Mapping[str, Augmentation], key: Array, part: Mapping[str, Array]) -> dict[str, Array]:
    """One domain's batch after augmentation: float32 image, label, and `valid`, false where a crop was padded.

    `valid` comes from sending an all-zero label map through the same draws, so on the target it tells nothing of the
    true labels. It is of the labels' shape: where a label is the class of a whole image, all images are valid.
    """
    image: Any = part["image"].astype(jnp.float32)
    label: Any = part["label"]
    covered: Any = jnp.zeros(label.shape, jnp.uint8)
    for index, step in enumerate(augment.values()):
        draw = jax.random.fold_in(key, index)
        _, covered = step(draw, image, covered)
        image, label = step(draw, image, label)
    return {"image": image, "label": label, "valid": covered == 0}


def ready(
    augment: Mapping[str, Augmentation],
    translate: FourierSwap | None,
    key: Array,
    batch: Mapping[str, Mapping[str, Array]],
) -> dict[str, dict[str, Array]]:
    """What the method is given: every domain augmented, the source in the target's style if asked for.

    The style is taken last, from the images as the network would see them, before its normalisation: the released
    code of FDA swaps amplitudes of resized and cropped raw images and subtracts the mean afterwards. The target stays
    as it is.
    """
    parts = {
        domain: augmented(augment, jax.random.fold_in(key, DOMAINS.index(domain)), part)
        for domain, part in batch.items()
    }
    if translate is not None:
        draw = jax.random.fold_in(key, len(DOMAINS))
        image = translate(draw, parts["source"]["image"], parts["target"]["image"])
        parts["source"] = {**parts["source"], "image": image}
    return jax.tree.map(lambda array: jax.lax.with_sharding_constraint(array, batch_spec(array.ndim)), parts)


def image_size(augment: Mapping[str, Augmentation], native: tuple[int, int]) -> tuple[int, int]:
    """Height and width of what the network sees in training, when the data's images are `native`."""
    part = {
        "image": jax.ShapeDtypeStruct((1, *native, 3), jnp.uint8),
        "label": jax.ShapeDtypeStruct((1, *native), jnp.uint8),
    }
    shape = jax.eval_shape(lambda p: augmented(augment, jax.random.key(0), p), part)["image"].shape
    return shape[1], shape[2]
