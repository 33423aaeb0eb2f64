"""jaxseg: losses, methods and honest tables for semantic segmentation and domain adaptation, in JAX.

Sub-packages load on first use, so `import jaxseg` costs no more than this file:

>>> import jaxseg
>>> jaxseg.labels.CAMVID.classes
11
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_SUBPACKAGES = (
    "boundary",
    "calibration",
    "crf",
    "data",
    "errors",
    "labels",
    "losses",
    "methods",
    "metrics",
    "models",
    "report",
    "train",
)


def __getattr__(name: str) -> ModuleType:
    if name in _SUBPACKAGES:
        return importlib.import_module(f"jaxseg.{name}")
    raise AttributeError(f"module 'jaxseg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_SUBPACKAGES])
