"""Data: builders that prepare a data set once, pipelines that batch it on the host, augmentation on the device."""

from jaxseg.data import augment
from jaxseg.data._cache import cache_folder
from jaxseg.data.camvid import CamVid
from jaxseg.data.dataset import SPLITS, DataSet, DataSource
from jaxseg.data.pipeline import BatchIterator, batches, evaluation_batches
from jaxseg.data.recipe import Example, Recipe
from jaxseg.data.streets import Streets

__all__ = [
    "SPLITS",
    "BatchIterator",
    "CamVid",
    "DataSet",
    "DataSource",
    "Example",
    "Recipe",
    "Streets",
    "augment",
    "batches",
    "cache_folder",
    "evaluation_batches",
]
