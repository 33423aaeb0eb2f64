"""Arrays by name, read from and written to files: safetensors and npz with NumPy alone, torch's pth with torch.

A safetensors file is eight bytes, the little-endian length of a header; the header, JSON, with type, shape and place of
every array and some metadata; then the arrays' bytes, little-endian, row by row.
"""

import json
import math
import os
import pickle
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from jaxseg.errors import InputError

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
_WRAPPERS = ("state_dict", "model", "model_state_dict", "model_state")
_DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


class WeightFile(NamedTuple):
    """What a file holds: arrays by name, and what safetensors files say beside them."""

    arrays: dict[str, np.ndarray]
    metadata: dict[str, str]


def read(path: Path) -> WeightFile:
    """Arrays of a `.safetensors`, `.npz`, `.pth` or `.pt` file.

    Raises:
      InputError: there is no such file, its kind is not known, it is damaged, or torch is wanted and not installed.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"weights {path}: {path.suffix or 'no suffix'}; use one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"weights {path}: no such file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    arrays = _read_npz(path) if path.suffix == ".npz" else _read_torch(path)
    if not arrays:
        raise InputError(f"weights {path}: the file holds no arrays")
    return WeightFile(arrays, {})


def _read_safetensors(path: Path) -> WeightFile:
    def damaged(what: str) -> InputError:
        return InputError(f"weights {path}: {what}; the file is damaged or cut off")

    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise damaged("its header is longer than the file")
        try:
            header = json.loads(file.read(length))
        except (UnicodeDecodeError, json.JSONDecodeError):
            raise damaged("its header cannot be read") from None
    if not isinstance(header, dict):
        raise damaged("its header is no table")
    metadata = header.pop("__metadata__", {})
    start = 8 + length
    whole = np.memmap(path, np.uint8, "r", offset=start) if size > start else np.zeros(0, np.uint8)
    arrays = {}
    for name, entry in header.items():
        try:
            dtype, shape = _DTYPES.get(entry["dtype"]), tuple(int(side) for side in entry["shape"])
            first, last = (int(place) for place in entry["data_offsets"])
        except (TypeError, KeyError, ValueError):
            raise damaged(f"its entry for {name} cannot be read") from None
        if dtype is None:
            raise InputError(
                f"weights {path}: {name} has type {entry['dtype']}; known are {', '.join(_DTYPES)}"
            )
        if min(shape, default=0) < 0 or not 0 <= first <= last <= len(whole):
            raise damaged(f"{name} lies outside the file")
        if last - first != math.prod(shape) * dtype.itemsize:
            raise damaged(f"{name} has {last - first} bytes for shape {list(shape)}")
        arrays[name] = whole[first:last].view(dtype).reshape(shape)
    if not arrays:
        raise InputError(f"weights {path}: the file holds no arrays")
    return WeightFile(arrays, {str(key): str(value) for key, value in dict(metadata).items()})


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise InputError(f"weights {path}: one array without a name; save them with numpy.savez")
            return {name: found[name] for name in found.files}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        raise InputError(
            f"weights {path}: cannot be read as plain arrays; the file is damaged or cut off"
        ) from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise InputError(
            f"weights {path}: reading {path.suffix} needs torch; pip install -e '.[torch]', or convert the file to "
            f".safetensors where torch is: python -m experiments.convert_weights {path.name} OUT.safetensors"
        ) from None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"weights {path}: the file is damaged or holds objects beside arrays; save the model's state_dict()"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, zipfile.BadZipFile):
        raise InputError(f"weights {path}: cannot be read; the file is damaged or cut off") from None
    while isinstance(found, Mapping) and (inner := [key for key in _WRAPPERS if _is_table(found.get(key))]):
        found = found[inner[0]]
    if not isinstance(found, Mapping):
        raise InputError(f"weights {path}: no table of arrays; save the model's state_dict()")
    tensors = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    return {name: _as_numpy(value.detach(), torch) for name, value in tensors.items()}


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value)


def _as_numpy(tensor: Any, torch: Any) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Writes the arrays; the file appears whole or not at all.

    Raises:
      InputError: the name does not end in .safetensors, or its folder does not exist.
    """
    if path.suffix != ".safetensors":
        raise InputError(f"weights {path}: only .safetensors files are written")
    if not path.parent.is_dir():
        raise InputError(f"weights {path}: no folder {path.parent}")
    names = {dtype: name for name, dtype in _DTYPES.items()}
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, array in arrays.items():
        code = names.get(array.dtype.newbyteorder("<") if array.dtype.isbuiltin == 1 else array.dtype)
        if code is None:
            raise InputError(
                f"weights {path}: {name} has type {array.dtype}, which safetensors does not have"
            )
        header[name] = {
            "dtype": code,
            "shape": list(array.shape),
            "data_offsets": [place, place + array.nbytes],
        }
        place += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for name, array in arrays.items():
                dtype = _DTYPES[header[name]["dtype"]]
                file.write(np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
