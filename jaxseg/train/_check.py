"""What is looked at before training begins, so that what does not fit is told before anything is written."""

import hashlib
from collections.abc import Mapping
from typing import Any

from jax.sharding import Mesh

from jaxseg import data
from jaxseg.errors import InputError
from jaxseg.train._inputs import DOMAINS, image_size
from jaxseg.train._scores import View
from jaxseg.train._variables import check_start
from jaxseg.train.experiment import Experiment
from jaxseg.train.labelling import check_labelling


def check(experiment: Experiment) -> tuple[Mesh, dict[str, data.DataSource], tuple[int, int]]:
    """What training needs before it can begin: the mesh, the data of each domain, the size of the network's images.

    Prepares the data sets where they are not yet; writes nothing into a run folder.

    Raises:
      InputError: the data, the batch, the mesh, the image size or the sampling does not fit.
    """
    experiment.validate()
    check_start(experiment)
    if told := unlabelled(experiment):
        raise InputError(f"data: {told}")
    mesh = experiment.mesh.build(experiment.batch)
    devices, parts = mesh.shape["data"], experiment.accumulate or 1
    if experiment.batch % (devices * parts):
        raise InputError(
            f"accumulate: a batch of {experiment.batch} does not divide into {parts} parts on {devices} devices; use a "
            f"multiple of {devices * parts} for --batch, or a smaller --accumulate"
        )
    sources = {
        domain: data_set.source(experiment.train_split) for domain, data_set in experiment.domains.items()
    }
    sizes = {}
    for domain, source in sources.items():
        native = source[0]["image"].shape
        sizes[domain] = image_size(experiment.augment, (native[0], native[1]), domain)
        experiment.method.network.validate(*sizes[domain])
    if experiment.translate is not None and sizes["source"] != sizes["target"]:
        shown = [f"{sizes[domain][0]}x{sizes[domain][1]}" for domain in DOMAINS]
        raise InputError(
            f"translate: images of the source are {shown[0]} after augmentation and those of the target {shown[1]}; "
            "resize both data sets or crop both to one size (--augment.crop.size where there is a crop)"
        )
    for data_set in experiment.scored.values():
        if data_set.has("val"):  # what is missing is told now, and not after the training
            first = data_set.source("val")[0]["image"].shape
            _check_views(experiment, (first[0], first[1]))
    check_labelling(experiment, sources)
    for domain, rare in experiment.sampling.items():
        rare.order(sources[domain], experiment.seed, domain, experiment.threads)
    return mesh, sources, next(iter(sizes.values()))


def images_of(experiment: Experiment, sources: Mapping[str, data.DataSource]) -> dict[str, dict[str, Any]]:
    """What tells the images of a run from others, by domain: data set, split, how many, and a hash of their ids.

    The hash is None where a data set of one's own does not name its images without reading them.
    """
    found = {}
    for domain, source in sources.items():
        data_set, split = experiment.domains[domain], experiment.train_split
        try:
            known = hashlib.sha256("\n".join(data_set.ids(split)).encode()).hexdigest()[:16]
        except NotImplementedError:
            known = None
        found[domain] = {"data": f"{data_set.name}/{split}", "images": len(source), "ids": known}
    return found


def unlabelled(experiment: Experiment) -> str:
    """What is wrong where the data to learn from have no label; empty where they have."""
    data_set, split = experiment.data, experiment.train_split
    if data_set.labelled(split):
        return ""
    return (
        f"{data_set.name}/{split} has no label images, so that nothing can be learned from it; put them where "
        f"{data_set.name} looks for them, or make it the target of other data"
    )


def _check_views(experiment: Experiment, native: tuple[int, int]) -> None:
    """Raises `InputError` where the network cannot take images of a size as they will be scored."""
    protocol = experiment.evaluation
    for size in View(protocol.size, scales=protocol.scales).sizes(native):
        try:
            experiment.method.network.validate(*size)
        except InputError as error:
            raise InputError(f"evaluation.size: images are scored at {size[0]}x{size[1]}: {error}") from None
