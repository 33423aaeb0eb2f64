"""Published weights into the project's networks, and trained ones out of them. Nothing is downloaded.

`load` reads a file, recognises by its keys whose weights it holds, and puts every array where it belongs:

    layout                  whose                                            into                        input
    vgg16, vgg16_bn         torchvision's                                    fcn8s, segnet's encoder     RGB mean, std
    timm_vgg16              timm's vgg16                                     the same                    RGB mean, std
    resnet                  torchvision's and timm's resnet50, resnet101     deeplab_*, the classifier   RGB mean, std
    deeplabv3_resnet        torchvision's deeplabv3_resnet50 and _resnet101  deeplab_v3                  RGB mean, std
    xception65              timm's xception65; its tf_in1k is DeepLab's own  deeplab_v3_plus             -1..1
    deeplab_resnet_init     DeepLab_resnet_pretrained_init, Caffe's          deeplab_v2                  BGR mean
    deeplab_v2              released adaptation code's, with heads           deeplab_v2                  BGR mean
    deeplab_v2_layer6       ADVENT's with one head, which it names layer6    deeplab_v2                  BGR mean
    jaxseg                  what `export` writes                             the network it came from    as exported

The input that the weights were trained with becomes the network's `normalization`. Fully connected layers become
convolutions where the network has those: `classifier.0` [4096, 25088] is fc6's kernel [7, 7, 512, 4096].

Torch's DeepLab ResNets differ in where they stride: weights of layouts `resnet` and `deeplabv3_resnet` are of networks
that stride in the 3x3 convolution, `deeplab_v2` strides in the first 1x1, as Caffe's do. The arrays fit either way; the
features are then others than those that were trained, and the report says so.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxseg.errors import InputError
from jaxseg.models import _weight_files
from jaxseg.models._auxiliary import MapNetwork
from jaxseg.models._cautions import cautions
from jaxseg.models._layouts import OWN, Layout, canonical, is_counter, recognised
from jaxseg.models._variable_names import Place, fitted, flat, name_of, nested, published, published_shape
from jaxseg.models.generator import GeneratorNetwork
from jaxseg.models.network import DOMAINS, Network, Normalization, Variables

_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Report:
    """What `load` did; printed, it is one line.

    Attributes:
      file: name of the file.
      layout: its layout, in words.
      loaded: names of the file's arrays that the network has now.
      skipped: names of the file's arrays that the network has no place for (torch's batch counters are not told).
      missing: names, as `export` writes them, of the network's arrays that the file does not hold.
      normalization: input that the weights were trained with.
      remark: what does not fit though the arrays do; empty where nothing is known.
    """

    file: str
    layout: str
    loaded: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    normalization: Normalization
    remark: str = ""

    def __str__(self) -> str:
        line = (
            f"{self.file}: {self.layout}; loaded {len(self.loaded)}, skipped {_some(self.skipped)}, "
            f"missing {_some(self.missing)}; input {_described(self.normalization)}"
        )
        return f"{line}; {self.remark}" if self.remark else line


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A network with the weights' normalisation, its variables, and the report of `load`."""

    network: Network
    variables: dict[str, Any]
    report: Report


def load(
    network: Network,
    path: str | Path,
    *,
    variables: Variables | None = None,
    key: Array | None = None,
    layout: str | None = None,
    head: bool = True,
) -> Loaded:
    """Puts the weights of a file into a network.

    Args:
      network: which the weights are for.
      path: a `.safetensors` or `.npz` file, or, where torch is installed, a `.pth` or `.pt` file of a state dict.
      variables: the network's, of which arrays that the file lacks are kept; None draws those anew.
      key: random key of those; None is `jax.random.key(0)`.
      layout: name of the layout, for keys that would fit several; None recognises it.
      head: False leaves the modules in `network.head` as they are, as for a classifier of other classes.

    Returns:
      The network with the normalisation that belongs to the weights, its variables, and what was loaded.

    Raises:
      InputError: the file cannot be read, its layout is not known or not one alone, an array has another shape than
        the network's, or none has a place in it.
    """
    path = Path(path)
    arrays, metadata = _read(path)
    leaves = flat(_abstract(network) if variables is None else variables)
    found = recognised(path, arrays, metadata, layout, own={name_of(place) for place in leaves})
    matched = {
        name: [place for place in places if head or not _in_head(network, place)]
        for name, places in matches(arrays, found, leaves).items()
    }
    values = _fitted_all(path, arrays, matched, leaves)
    missing = [place for place in leaves if place not in values]
    values.update(_fresh(network, variables, missing, key))
    normalization = _normalization(metadata, network) if found is None else found.normalization
    report = Report(
        file=path.name,
        layout=OWN if found is None else found.what,
        loaded=tuple(name for name, places in matched.items() if places),
        skipped=tuple(name for name, places in matched.items() if not places),
        missing=tuple(name_of(place) for place in missing),
        normalization=normalization,
        remark=cautions(network, found, (name for name, places in matched.items() if not places), missing),
    )
    return Loaded(dataclasses.replace(network, normalization=normalization), nested(values), report)


def fit(network: Network, path: str | Path, *, layout: str | None = None, head: bool = True) -> Report:
    """The report of `load`, without drawing what the file lacks.

    Args:
      network: which the weights are for.
      path: as `load` takes it.
      layout: name of the layout, or None.
      head: False leaves the classifier out.

    Raises:
      InputError: as `load`.
    """
    return load(network, path, variables=_abstract(network), layout=layout, head=head).report


def export(network: Network, variables: Variables, path: str | Path) -> None:
    """Writes a network's variables to a `.safetensors` file, which appears whole or not at all.

    Names and shapes are torch's: `layer1_0/conv1/kernel` [kh, kw, in, out] is `layer1.0.conv1.weight`
    [out, in, kh, kw] (for transposed convolutions too, where torch itself has [in, out, kh, kw]), batch statistics
    are `running_mean` and `running_var`. The network's normalisation is in the metadata, and `load` brings it back.

    Args:
      network: whose variables they are.
      variables: `{"params": ..., "batch_stats": ...}`.
      path: file to write; one that exists is replaced.

    Raises:
      InputError: the name does not end in .safetensors, its folder does not exist, or two arrays would have one name.
    """
    arrays: dict[str, np.ndarray] = {}
    for place, leaf in flat(variables).items():
        if name_of(place) in arrays:
            raise InputError(
                f"variables: two arrays of {'.'.join(place[:-1])} would be {name_of(place)} in the file; give one of "
                "them a module of its own"
            )
        arrays[name_of(place)] = np.asarray(published(np.asarray(leaf)), order="C")
    metadata = {
        "format": "pt",
        "library": OWN,
        "normalization": json.dumps(dataclasses.asdict(network.normalization)),
    }
    _weight_files.write_safetensors(Path(path), arrays, metadata)


def with_head(network: Network, variables: Variables, head: Variables) -> dict[str, Any]:
    """Variables of a network whose classifier, the modules in `network.head`, is that of others.

    Args:
      network: whose variables both are, but that the classifiers may have other classes.
      variables: that all else is of.
      head: that the classifier is of.
    """
    kept = {place: leaf for place, leaf in flat(variables).items() if not _in_head(network, place)}
    other = {place: leaf for place, leaf in flat(head).items() if _in_head(network, place)}
    return nested({**kept, **other})


def convert(source: str | Path, target: str | Path, *, layout: str | None = None) -> str:
    """Writes the arrays of a weight file of a known layout as `.safetensors`, under the same names.

    Torch's batch counters and the components that wrappers put before names are left out.

    Args:
      source: file as `load` takes it.
      target: `.safetensors` file to write; one that exists is replaced.
      layout: name of the layout; None recognises it.

    Returns:
      One line that says what was written.

    Raises:
      InputError: as `load` and `export`.
    """
    source, target = Path(source), Path(target)
    arrays, metadata = _read(source)
    found = recognised(source, arrays, metadata, layout, own=())
    _weight_files.write_safetensors(target, arrays, {"format": "pt", **metadata})
    size = sum(array.nbytes for array in arrays.values()) / 1e6
    numbers = sum(array.size for array in arrays.values())
    normalization = _normalization(metadata, None) if found is None else found.normalization
    return (
        f"{target}: {OWN if found is None else found.what}, {len(arrays)} arrays, {numbers:,} numbers, {size:.1f} MB; "
        f"input {_described(normalization)}"
    )


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Arrays without batch counters, their names without the component that torch's DataParallel puts before."""
    arrays, metadata = _weight_files.read(path)
    wrapped = all(name.startswith("module.") for name in arrays)
    kept = {name.removeprefix("module.") if wrapped else name: array for name, array in arrays.items()}
    return {name: array for name, array in kept.items() if not is_counter(name)}, metadata


def matches(names: Iterable[str], layout: Layout | None, leaves: Iterable[Place]) -> dict[str, list[Place]]:
    """Where in a network each array of a file belongs: in one place, in several (parts that exist twice), or in none.

    Args:
      names: of the file's arrays.
      layout: of the file; None is the project's own.
      leaves: places of the network's arrays.

    >>> from jaxseg.models._layouts import LAYOUTS
    >>> places = [("params", "trunk", "features_0", "bias"), ("params", "head", "bias")]
    >>> matches(["features.0.bias", "classifier.6.bias"], LAYOUTS[0], places)
    {'features.0.bias': [('params', 'trunk', 'features_0', 'bias')], 'classifier.6.bias': []}
    """
    common = canonical if layout is not None else str
    index: dict[str, list[Place]] = {}
    for place in leaves:
        index.setdefault(common(name_of(place)), []).append(place)
    found = {}
    for name in names:
        several = (name,) if layout is None else layout.places(name.removeprefix(layout.strip))
        found[name] = next((index[common(each)] for each in several if common(each) in index), [])
    return found


def _fitted_all(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    matched: Mapping[str, list[Place]],
    leaves: Mapping[Place, Any],
) -> dict[Place, Array]:
    """The network's arrays that the file holds; every one that has another shape there is an error."""
    values: dict[Place, Array] = {}
    origin: dict[Place, str] = {}
    misfits = []
    for name, places in matched.items():
        for place in places:
            shape = leaves[place].shape
            if place in origin:
                raise InputError(f"weights {path}: {origin[place]} and {name} are both for {name_of(place)}")
            origin[place] = name
            suited = fitted(arrays[name], shape)
            if suited is None:
                given, wanted = list(arrays[name].shape), list(published_shape(shape))
                misfits.append(f"{name} is {given}, {name_of(place)} of the network {wanted}")
            else:
                values[place] = jnp.asarray(np.array(suited, leaves[place].dtype))
    if misfits:
        more = f" and {len(misfits) - _NAMED} more" if len(misfits) > _NAMED else ""
        raise InputError(
            f"weights {path}: {'; '.join(misfits[:_NAMED])}{more}; use a network of these sizes, "
            "or head=False (of a command: --no-initialize-head) where only its classifier differs"
        )
    if not values:
        raise InputError(f"weights {path}: none of its {len(arrays)} arrays has a place in this network")
    return values


def _in_head(network: Network, place: Place) -> bool:
    """Whether a leaf is the classifier's; statistics that are kept a domain lie one deeper."""
    modules = place[1:-1]
    within = modules[1:] if modules[:1] and modules[0] in DOMAINS else modules
    return bool(within) and within[0] in network.head


def _image(network: Network) -> jax.ShapeDtypeStruct:
    if isinstance(network, GeneratorNetwork):
        raise InputError(
            "variables: a generator is not drawn for an image; give load the variables that it has"
        )
    side = max(network.minimum_size, 32)
    channels = network.channels if isinstance(network, MapNetwork) else 3
    return jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32)


def _abstract(network: Network) -> Any:
    return jax.eval_shape(network.init, jax.random.key(0), _image(network))


def _fresh(
    network: Network, variables: Variables | None, missing: list[Place], key: Array | None
) -> dict[Place, Any]:
    """The leaves that the file lacks: those given, or drawn anew, and only those."""
    if not missing:
        return {}
    if variables is not None:
        given = flat(variables)
        return {place: given[place] for place in missing}

    def draw(key: Array) -> list[Array]:
        image = _image(network)
        drawn = flat(network.init(key, jnp.zeros(image.shape, image.dtype)))
        return [drawn[place] for place in missing]

    values = jax.jit(draw)(jax.random.key(0) if key is None else key)  # what is not returned is not computed
    return dict(zip(missing, values, strict=True))


def _normalization(metadata: Mapping[str, str], network: Network | None) -> Normalization:
    """What an own file says of its input; without it, the network's."""
    text = metadata.get("normalization")
    if text is None:
        return Normalization() if network is None else network.normalization
    try:
        fields = json.loads(text)
        m0, m1, m2 = (float(value) for value in fields["mean"])
        s0, s1, s2 = (float(value) for value in fields["std"])
        return Normalization((m0, m1, m2), (s0, s1, s2), fields["order"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"weights: normalization {text!r} in the file's metadata cannot be read") from None


def _described(normalization: Normalization) -> str:
    mean = ", ".join(f"{value:g}" for value in normalization.mean)
    std = ", ".join(f"{value:g}" for value in normalization.std)
    return f"{normalization.order.upper()} 0..255, mean ({mean}), std ({std})"


def _some(names: tuple[str, ...]) -> str:
    """A number of names, and the first few of them."""
    if not names:
        return "0"
    shown = ", ".join(names[:_NAMED])
    return f"{len(names)} ({shown}{', ...' if len(names) > _NAMED else ''})"
