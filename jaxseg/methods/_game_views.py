"""What there is to be seen of a game: images made of embeddings, and what the discriminator takes them for."""

from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import Array, Float

from jaxseg.methods._game import KINDS, Kind, embedding_of
from jaxseg.methods.method import State
from jaxseg.models.layers import crop


def views(
    players: Mapping[str, Any],
    state: State,
    image: Float[Array, "B H W 3"],
    domain: str,
    *,
    embedding: str,
    reading: str,
) -> dict[str, Array]:
    """The game at rest, without dropout and noise, on raw images of a domain.

    Args:
      players: `"network"`, `"generator"` and `"discriminator"`.
      state: with the parameters of all players.
      image: [B, H, W, 3] in 0..255.
      domain: `"source"` or `"target"`, whose layers and statistics an encoder with some for each takes.
      embedding: what the generator takes of the encoder's output.
      reading: of the discriminator's scores.

    Returns:
      `"generated"` [B, H, W, 3], what the generator makes of an image's embedding, 0..1; `"as source"` and
      `"as target"` [B, h, w], how far the discriminator takes each patch of that for a real image of the domain, 0..1.
    """
    variables = {
        name: {"params": state.params[name], "batch_stats": state.batch_stats[name]} for name in players
    }
    network, generator = players["network"], players["generator"]
    ready = network.normalization(image)
    output, _ = network.apply(variables["network"], ready, train=False, domain=domain)
    made, _ = generator.apply(variables["generator"], embedding_of(output, embedding), train=False)
    generated = crop(generator.image(made), (image.shape[1], image.shape[2]))
    scores = players["discriminator"].apply(variables["discriminator"], generated, train=False)[0].logits
    if reading == "four":
        shares = jax.nn.softmax(scores)
        places = [KINDS.index(Kind(name, True)) for name in ("source", "target")]
    else:
        shares, places = jax.nn.sigmoid(scores), [0, 1]
    return {"generated": generated, "as source": shares[..., places[0]], "as target": shares[..., places[1]]}
