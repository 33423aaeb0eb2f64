"""Segmentation networks: Flax modules behind one small interface, `Network`.

Shared layers are in `jaxseg.models.layers`.
"""

from jaxseg.models.compact import compact
from jaxseg.models.enet import enet
from jaxseg.models.network import LinenNetwork, Network, Normalization, Output

__all__ = ["LinenNetwork", "Network", "Normalization", "Output", "compact", "enet"]
