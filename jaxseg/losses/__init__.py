"""Losses of semantic segmentation: pure functions of logits, and pytree objects that hold their hyper-parameters.

    loss(logits [*B, H, W, C], labels [*B, H, W], *, where=None, ...) -> values [*B, H, W]

Every loss reduces the class axis and nothing else, computes in float32 whatever comes in, gives void pixels a value
and a gradient of exactly 0, and can be transformed by `jit`, `vmap`, `grad` and `jvp` to any depth. `mean` is the
only reducer. Beside each function stands a class whose float fields are pytree leaves: to change one never
recompiles, and to stack several and `vmap` is a sweep.

>>> import jax, jax.numpy as jnp
>>> from jaxseg import losses
>>> logits, labels = jnp.zeros([2, 8, 8, 2]), jnp.full([2, 8, 8], 255).at[0].set(1)
>>> losses.mean(losses.softmax_cross_entropy(logits, labels), losses.valid_pixels(labels, 2)).round(4)
Array(0.6931, dtype=float32)
>>> losses.MaximumSquares().average(logits)
Array(-0.25, dtype=float32)
"""

from jaxseg.losses import ground
from jaxseg.losses._adversarial import (
    AdversarialCrossEntropy,
    AdversarialHinge,
    AdversarialLeastSquares,
    AdversarialLoss,
    adversarial_cross_entropy,
    adversarial_hinge,
    adversarial_least_squares,
    adversarial_linear,
)
from jaxseg.losses._affinity import (
    AffinityField,
    affinity_field,
)
from jaxseg.losses._conservative import (
    Conservative,
    ConservativeCubic,
    ConservativePiecewise,
    ConservativeSwitched,
    conservative,
    conservative_cubic,
    conservative_piecewise,
    conservative_switched,
)
from jaxseg.losses._cross_entropy import (
    SigmoidCrossEntropy,
    SoftCrossEntropy,
    SoftmaxCrossEntropy,
    sigmoid_cross_entropy,
    soft_cross_entropy,
    softmax_cross_entropy,
)
from jaxseg.losses._entropy import (
    Entropy,
    entropy,
)
from jaxseg.losses._focal import (
    Focal,
    focal,
)
from jaxseg.losses._importance_aware import (
    ImportanceAware,
    importance_aware,
)
from jaxseg.losses._maximum_squares import (
    MaximumSquares,
    MaximumSquaresImageWise,
    image_wise_weights,
    maximum_squares,
    maximum_squares_image_wise,
)
from jaxseg.losses._moments import (
    local_moments,
)
from jaxseg.losses._pixels import (
    Loss,
    Scalar,
    mean,
    valid_pixels,
)
from jaxseg.losses._pseudo_labels import (
    MRKLD,
    cbst_labels,
    lrent_labels,
    lrl2_labels,
    mrkld,
)
from jaxseg.losses._pytree import pytree
from jaxseg.losses._region import (
    RegionMutualInformation,
    region_mutual_information,
)
from jaxseg.losses._robust_entropy import (
    RobustEntropy,
    robust_entropy,
)
from jaxseg.losses._sinkhorn import (
    Sinkhorn,
    sinkhorn,
    transport_cost,
)
from jaxseg.losses._ssim import (
    SSIM,
    ssim,
)
from jaxseg.losses._structural import (
    StructuralSimilarity,
    largest_structural_error,
    structural_error,
    structural_similarity,
)
from jaxseg.losses._wasserstein import (
    TotalVariation,
    Wasserstein,
    total_variation,
    wasserstein,
)

__all__ = [
    "MRKLD",
    "SSIM",
    "AdversarialCrossEntropy",
    "AdversarialHinge",
    "AdversarialLeastSquares",
    "AdversarialLoss",
    "AffinityField",
    "Conservative",
    "ConservativeCubic",
    "ConservativePiecewise",
    "ConservativeSwitched",
    "Entropy",
    "Focal",
    "ImportanceAware",
    "Loss",
    "MaximumSquares",
    "MaximumSquaresImageWise",
    "RegionMutualInformation",
    "RobustEntropy",
    "Scalar",
    "SigmoidCrossEntropy",
    "Sinkhorn",
    "SoftCrossEntropy",
    "SoftmaxCrossEntropy",
    "StructuralSimilarity",
    "TotalVariation",
    "Wasserstein",
    "adversarial_cross_entropy",
    "adversarial_hinge",
    "adversarial_least_squares",
    "adversarial_linear",
    "affinity_field",
    "cbst_labels",
    "conservative",
    "conservative_cubic",
    "conservative_piecewise",
    "conservative_switched",
    "entropy",
    "focal",
    "ground",
    "image_wise_weights",
    "importance_aware",
    "largest_structural_error",
    "local_moments",
    "lrent_labels",
    "lrl2_labels",
    "maximum_squares",
    "maximum_squares_image_wise",
    "mean",
    "mrkld",
    "pytree",
    "region_mutual_information",
    "robust_entropy",
    "sigmoid_cross_entropy",
    "sinkhorn",
    "soft_cross_entropy",
    "softmax_cross_entropy",
    "ssim",
    "structural_error",
    "structural_similarity",
    "total_variation",
    "transport_cost",
    "valid_pixels",
    "wasserstein",
]
