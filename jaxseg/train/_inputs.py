"""What the compiled step makes of a raw batch before the method sees it: augmentation, style, place on the mesh."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxseg.data.augment import Augmentation, FourierSwap
from jaxseg.labels import VOID
from jaxseg.methods._thresholds import best_class
from jaxseg.train.mesh import batch_spec

DOMAINS = ("source", "target")


def augmented(
    augment: Mapping[str, Augmentation], key: Array, part: Mapping[str, Array], domain: str = "source"
) -> dict[str, Array]:
    """One domain's batch after augmentation: float32 image, label, and `valid`, false where a crop was padded.

    Augmentations of the other domain alone are left out.

    `valid` comes from sending an all-zero label map through the same draws, so on the target it tells nothing of the
    true labels. It is of the labels' shape: where a label is the class of a whole image, all images are valid.

    Soft labels, `"targets"` in 1/255, come out as `"targets"` [B, h, w, C] and as `"label"`, their best class. They are
    resampled as the image is, class by class, and each pixel's divided by its sum, as the released code of CRST does;
    so a pixel has a label where any pixel that it is made of had one. Padding has none.
    """
    image: Any = part["image"].astype(jnp.float32)
    soft: Any = part.get("targets")
    label: Any = part["label"] if soft is None else best_class(soft, VOID)
    covered: Any = jnp.zeros(label.shape, jnp.uint8)
    for index, step in enumerate(augment.values()):
        if step.domain not in (None, domain):
            continue
        draw = jax.random.fold_in(key, index)
        step = step.aimed(draw, label)
        _, covered = step(draw, image, covered)
        if soft is not None and step.moves:
            soft = jnp.where((covered == 0)[..., None], _moved(step, draw, soft), 0.0)
        image, label = step(draw, image, label)
    ready: dict[str, Array] = {"image": image, "label": label, "valid": covered == 0}
    if soft is None:
        return ready
    soft = soft.astype(jnp.float32)
    mass = jnp.sum(soft, axis=-1, keepdims=True)
    return {**ready, "targets": jnp.where(mass > 0.0, soft / jnp.where(mass > 0.0, mass, 1.0), 0.0)}


def told(
    augment: Mapping[str, Augmentation], shares: Float[np.ndarray, " C"]
) -> OrderedDict[str, Augmentation]:
    """The augmentations of the target and of both domains told what share of the target's pixels each class has."""
    return OrderedDict(
        (name, step if step.domain == "source" else step.told(shares)) for name, step in augment.items()
    )


def _moved(step: Augmentation, draw: Array, soft: Array) -> Array:
    """Soft labels [B, H, W, C] sent through an augmentation as the colours of images, three classes at a time."""
    batch, height, width, classes = soft.shape
    groups = -(-classes // 3)
    padded = jnp.pad(soft.astype(jnp.float32), ((0, 0), (0, 0), (0, 0), (0, 3 * groups - classes)))
    images = padded.reshape(batch, height, width, groups, 3)
    moved = jax.vmap(lambda image: step(draw, image, None)[0], in_axes=3, out_axes=3)(images)
    return moved.reshape(*moved.shape[:3], 3 * groups)[..., :classes]


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
        domain: augmented(augment, jax.random.fold_in(key, DOMAINS.index(domain)), part, domain)
        for domain, part in batch.items()
    }
    if translate is not None:
        draw = jax.random.fold_in(key, len(DOMAINS))
        image = translate(draw, parts["source"]["image"], parts["target"]["image"])
        parts["source"] = {**parts["source"], "image": image}
    return jax.tree.map(lambda array: jax.lax.with_sharding_constraint(array, batch_spec(array.ndim)), parts)


def image_size(
    augment: Mapping[str, Augmentation], native: tuple[int, int], domain: str = "source"
) -> tuple[int, int]:
    """Height and width of what the network sees of a domain in training, when the data's images are `native`."""
    part = {
        "image": jax.ShapeDtypeStruct((1, *native, 3), jnp.uint8),
        "label": jax.ShapeDtypeStruct((1, *native), jnp.uint8),
    }
    shape = jax.eval_shape(lambda p: augmented(augment, jax.random.key(0), p, domain), part)["image"].shape
    return shape[1], shape[2]
