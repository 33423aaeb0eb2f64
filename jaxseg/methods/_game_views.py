"""What there is to be seen of a game: images made of embeddings, and what the discriminator takes them for."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.methods._game import KINDS, Kind
from jaxseg.methods.conservative_gan import ConservativeGAN
from jaxseg.methods.method import State
from jaxseg.models.layers import crop


class View(NamedTuple):
    """An image in a game.

    Attributes:
      generated: [B, H, W, 3] what the generator makes of its embedding, 0..1.
      of_source: [B, h, w] how far the discriminator takes each patch of that for a real image of the source, 0..1.
      of_target: [B, h, w] the same of the target.
    """

    generated: Float[Array, "B H W 3"]
    of_source: Float[Array, "B h w"]
    of_target: Float[Array, "B h w"]


def view(method: ConservativeGAN, state: State, image: Float[Array, "B H W 3"], domain: str) -> View:
    """The game at rest, without dropout and noise, on raw images of a domain.

    Args:
      method: the method.
      state: with the parameters of all players.
      image: [B, H, W, 3] in 0..255.
      domain: `"source"` or `"target"`, whose layers and statistics an encoder with some for each takes.
    """
    networks = {
        "network": method.network,
        "generator": method.generator,
        "discriminator": method.discriminator,
    }
    variables = {
        name: {"params": state.params[name], "batch_stats": state.batch_stats[name]} for name in networks
    }
    ready = method.network.normalization(image)
    output, _ = method.network.apply(variables["network"], ready, train=False, domain=domain)
    embedding = output.features if method.embedding == "features" else output.logits
    made, _ = method.generator.apply(variables["generator"], embedding, train=False)
    generated = crop(method.generator.image(made), (image.shape[1], image.shape[2]))
    scores = method.discriminator.apply(variables["discriminator"], generated, train=False)[0].logits
    if method.reading == "four":
        shares = jax.nn.softmax(scores)
        places = [KINDS.index(Kind(name, True)) for name in method.domains]
    else:
        shares, places = jax.nn.sigmoid(scores), [0, 1]
    return View(generated, *(jnp.asarray(shares[..., place]) for place in places))
