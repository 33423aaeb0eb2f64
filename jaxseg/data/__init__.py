"""Data: builders that prepare a data set once, pipelines that batch it on the host, augmentation on the device."""

from jaxseg.data import augment
from jaxseg.data._cache import cache_folder
from jaxseg.data._counts import label_counts
from jaxseg.data._sampling import RareClasses, rare_class_probabilities
from jaxseg.data.as_camvid import AsCamVid
from jaxseg.data.camvid import CamVid
from jaxseg.data.camvid_original import CamVidOriginal
from jaxseg.data.cityscapes import Cityscapes
from jaxseg.data.cross_city import CrossCity
from jaxseg.data.dataset import SPLITS, DataSet, DataSource
from jaxseg.data.digits import Digits
from jaxseg.data.folder import Folder
from jaxseg.data.gta5 import GTA5
from jaxseg.data.office31 import Office31
from jaxseg.data.pipeline import BatchIterator, batches, evaluation_batches
from jaxseg.data.planted import Planted
from jaxseg.data.recipe import Example, Recipe, Task
from jaxseg.data.street_objects import StreetObjects
from jaxseg.data.streets import Streets
from jaxseg.data.synthia import Synthia
from jaxseg.data.voc import VOC

__all__ = [
    "GTA5",
    "SPLITS",
    "VOC",
    "AsCamVid",
    "BatchIterator",
    "CamVid",
    "CamVidOriginal",
    "Cityscapes",
    "CrossCity",
    "DataSet",
    "DataSource",
    "Digits",
    "Example",
    "Folder",
    "Office31",
    "Planted",
    "RareClasses",
    "Recipe",
    "StreetObjects",
    "Streets",
    "Synthia",
    "Task",
    "augment",
    "batches",
    "cache_folder",
    "evaluation_batches",
    "label_counts",
    "rare_class_probabilities",
]
