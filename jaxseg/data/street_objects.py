"""`streetobjects`: the classification view of `streets`, crops of ten kinds of things in several domains."""

import dataclasses

from jaxseg.data._images import encode_png
from jaxseg.data._streets_objects import CLASSES, crop
from jaxseg.data.dataset import DataSet
from jaxseg.data.recipe import Example, Recipe, Task
from jaxseg.data.streets import Domain, check_domain, drawn
from jaxseg.errors import InputError
from jaxseg.labels import CITYSCAPES, LabelSpace

VERSION = 1
"""Part of the fingerprint; raise it when the same drawing gives other examples."""

STREET_OBJECTS = CITYSCAPES.subset("street-objects", CLASSES)
"""The ten Cityscapes classes that are things: lights, signs, people, riders and vehicles."""


@dataclasses.dataclass(frozen=True)
class StreetObjects(DataSet):
    """Crops of things in drawn street scenes, one class an image: what classification adapts on without a download.

    Image i of a split is a function of (domain, split, size, i) and has class i modulo 10, so that the classes are
    equally frequent; the scenes are none of those of `Streets`.

    Attributes:
      domain: as in `Streets`.
      size: height and width in pixels (ours).
      images: number of images of train, val and test (ours).
    """

    domain: Domain = "synthetic"
    size: int = 48
    images: tuple[int, int, int] = (1000, 100, 300)

    @property
    def name(self) -> str:
        """`streetobjects-` and the domain."""
        return f"streetobjects-{self.domain}"

    @property
    def labels(self) -> LabelSpace:
        """The ten classes."""
        return STREET_OBJECTS

    @property
    def task(self) -> Task:
        """`classification`."""
        return "classification"

    def recipe(self) -> Recipe:
        """What to draw.

        Raises:
          InputError: a count below 1, a size out of range, or an unknown domain.
        """
        check_domain(self.domain)
        if not 8 <= self.size <= 256:
            raise InputError(f"size: {self.size}; give height and width of the crops, from 8 to 256")
        options = {"version": VERSION, "domain": self.domain, "size": self.size}
        return drawn(self.images, self._example, options)

    def _example(self, split: str, index: int) -> Example:
        image, number = crop(index, domain=self.domain, split=split, side=self.size)
        return Example(image=encode_png(image), label=number)
