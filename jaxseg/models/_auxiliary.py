"""Networks whose input is not an image: the same two functions as every other `Network`, over maps of any depth."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from jaxtyping import Array, Float

from jaxseg.errors import InputError
from jaxseg.models.network import Network, Output, Variables, check_domain, run_linen


@dataclasses.dataclass(frozen=True)
class MapNetwork(Network):
    """A Flax Linen module over maps [B, H, W, D]: class scores, images side by side, an image with its label.

    `normalization` plays no part, the caller makes the map. The module is called as `module(maps, train=...)` and
    returns an `Output` or bare scores.

    Attributes:
      channels: D, how many channels the input has.
      module: the Linen module.
    """

    channels: int = dataclasses.field(kw_only=True)
    module: nn.Module = dataclasses.field(kw_only=True)

    def init(self, key: Array, image: Float[Array, "B H W D"]) -> dict[str, Any]:
        self._check(image)
        variables = self.module.init({"params": key}, image, train=False)
        return {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}

    def apply(
        self,
        variables: Variables,
        image: Float[Array, "B H W D"],
        *,
        train: bool,
        rngs: Mapping[str, Array] | None = None,
        domain: str = "source",
    ) -> tuple[Output, Any]:
        self._check(image)
        check_domain(domain)
        return run_linen(self.module, variables, image, train, rngs)

    def _check(self, maps: Array) -> None:
        if maps.shape[-1] != self.channels:
            raise InputError(
                f"image: {maps.shape[-1]} channels; this network was made for {self.channels}, the last axis"
            )
