"""The TFDS builder that every data set shares: encoded images in array_record files, written without TensorFlow.

TFDS's own writing is not used, only its formats and its reading. Its shuffler keeps a split in memory and, beyond one
gigabyte, spills through TensorFlow; its serialised examples differ from process to process (the order of a protobuf
map). Here records are streamed in the order of the ids, and two preparations are byte-identical.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from array_record.python import array_record_module

from jaxseg.data.recipe import Recipe

FORMAT_VERSION = "1.0.0"
"""Version of the prepared files; raise it when what is written changes, and everything is prepared anew."""

EXAMPLES_PER_SHARD = 1024

# One record a chunk for random access; PNG and JPEG do not compress further.
_WRITER_OPTIONS = "group_size:1,uncompressed"


class _Info(tfds.core.DatasetInfo):
    """Dataset info that asks no server about the data set."""

    def initialize_from_bucket(self) -> None:
        return


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Builder of one data set: examples of an image, a label map (or a class) and an id, in the order of the recipe.

    `write` streams the records; reading goes through `tfds.builder_from_directory(...).as_data_source`.
    """

    VERSION = tfds.core.Version(FORMAT_VERSION)

    def __init__(self, name: str, recipe: Recipe, data_dir: Path) -> None:
        self.name = name
        self.recipe = recipe
        super().__init__(data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        if self.recipe.task == "classification":
            label = tfds.features.Scalar(np.int32, doc="class of the image")
        else:
            label = tfds.features.Image(
                shape=(None, None, 1), encoding_format="png", doc="train ids, 255 void"
            )
        features = tfds.features.FeaturesDict(
            {
                "image": tfds.features.Image(doc="RGB, encoded as in the original or as PNG"),
                "label": label,
                "id": tfds.features.Text(),
            }
        )
        return _Info(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        return {split: self._generate_examples(split) for split in self.recipe.splits}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, (name, make) in enumerate(self.recipe.splits[split].items()):
            yield index, {"id": name, **make()._asdict()}

    def write(self, written: Callable[[], None] = lambda: None) -> Path:
        """Writes every split, then the metadata; calls `written` after each example. Returns the folder.

        Raises:
          InputError: an example is at fault.
          OSError: the files cannot be written.
        """
        folder = Path(self.data_dir)
        folder.mkdir(parents=True)
        splits = []
        for split, examples in self._split_generators(None).items():
            splits.append(self._write_split(folder, split, examples, written))
        self.info.set_splits(tfds.core.SplitDict(splits))
        self.info.write_to_directory(folder)
        return folder

    def _write_split(
        self,
        folder: Path,
        split: str,
        examples: Iterator[tuple[int, Mapping[str, Any]]],
        written: Callable[[], None],
    ) -> tfds.core.SplitInfo:
        features = self.info.features
        serializer = tfds.core.ExampleSerializer(features.get_serialized_info())
        count = len(self.recipe.splits[split])
        lengths = [min(EXAMPLES_PER_SHARD, count - first) for first in range(0, count, EXAMPLES_PER_SHARD)]
        template = tfds.core.ShardedFileTemplate(
            data_dir=folder, dataset_name=self.name, split=split, filetype_suffix="array_record"
        )
        size = 0
        for shard, length in enumerate(lengths):
            with _Records(
                template.sharded_filepath(shard_index=shard, num_shards=len(lengths)), length
            ) as records:
                for _ in range(length):
                    _, example = next(examples)
                    record = serializer.get_tf_example(features.encode_example(example))
                    size += records.write(record.SerializeToString(deterministic=True))
                    written()
        return tfds.core.SplitInfo(
            name=split, shard_lengths=lengths, num_bytes=size, filename_template=template
        )


class _Records:
    """An array_record file being written; checks on leaving that it holds what it should."""

    def __init__(self, path: os.PathLike[str], length: int) -> None:
        self.path, self.length = os.fspath(path), length
        self._writer = array_record_module.ArrayRecordWriter(self.path, _WRITER_OPTIONS)

    def __enter__(self) -> "_Records":
        return self

    def write(self, record: bytes) -> int:
        try:
            self._writer.write(record)
        except RuntimeError as error:
            raise _write_error(error) from error
        return len(record)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._writer.close()
            if kind is None:
                reader = array_record_module.ArrayRecordReader(self.path)
                found = reader.num_records()
                reader.close()
                if found != self.length:
                    raise OSError(f"{self.path} holds {found} records after writing {self.length}")
        except RuntimeError as error:
            if kind is None:
                raise _write_error(error) from error


def _write_error(error: RuntimeError) -> OSError:
    """What array_record says, without the places in its code: `write() failed: No space left on device`."""
    return OSError(str(error).partition(";")[0])
