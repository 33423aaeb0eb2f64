"""Label spaces of classification data sets: class names, and a colour of its own for each."""

import colorsys
from collections.abc import Sequence

from jaxseg.labels import VOID, LabelSpace


def class_space(name: str, names: Sequence[str]) -> LabelSpace:
    """The space of some classes; 255 means an image without a label. Colours go round the hues (ours).

    >>> class_space("pets", ["cat", "dog"]).palette
    ((204, 51, 51), (43, 171, 171))
    """
    count = len(names)
    # Neighbours differ in brightness too, as thirty hues alone are hard to tell apart.
    palette = [colorsys.hsv_to_rgb(k / count, 0.75, (0.8, 0.67, 0.95)[k % 3]) for k in range(count)]
    return LabelSpace(
        name=name,
        names=tuple(names),
        palette=tuple((round(255 * r), round(255 * g), round(255 * b)) for r, g, b in palette),
        ids={**{c: c for c in range(count)}, VOID: VOID},
    )
