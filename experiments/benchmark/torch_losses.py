"""Plain PyTorch forms of the losses, written from the equations: what one would type, channels first.

They are here to be timed against and to be agreed with (`losses --against torch` checks values first), nowhere else.
Every function takes logits [B, C, H, W] and labels [B, H, W] (255 void) and returns the mean over the labelled pixels.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

VOID = 255
Loss = Callable[[Tensor, Tensor], Tensor]


def _mean(values: Tensor, valid: Tensor) -> Tensor:
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def _true(log_p: Tensor, labels: Tensor) -> Tensor:
    return log_p.gather(1, labels.clamp(max=log_p.shape[1] - 1).unsqueeze(1)).squeeze(1)


def _one_hot(logits: Tensor, labels: Tensor) -> Tensor:
    classes = logits.shape[1]
    hot = functional.one_hot(labels.clamp(max=classes - 1), classes).movedim(-1, 1).to(logits.dtype)
    return hot * (labels != VOID).unsqueeze(1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """PyTorch's own."""
    return functional.cross_entropy(logits, labels, ignore_index=VOID)


def sigmoid(logits: Tensor, labels: Tensor) -> Tensor:
    """One class against the rest, summed over the classes."""
    values = functional.binary_cross_entropy_with_logits(
        logits, _one_hot(logits, labels), reduction="none"
    ).sum(1)
    return _mean(values, labels != VOID)


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """gamma 2."""
    log_p = _true(functional.log_softmax(logits, 1), labels)
    return _mean(-((1 - log_p.exp()) ** 2) * log_p, labels != VOID)


def conservative(logits: Tensor, labels: Tensor) -> Tensor:
    """5 (1 + log p)^2 log(-log p)."""
    log_p = _true(functional.log_softmax(logits, 1), labels)
    return _mean(5 * (1 + log_p) ** 2 * torch.log(-log_p), labels != VOID)


def wasserstein(ground: Tensor) -> Loss:
    """sum_i s_i D[i, y]."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        costs = ground.T[labels.clamp(max=len(ground) - 1)].movedim(-1, 1)
        return _mean((logits.softmax(1) * costs).sum(1), labels != VOID)

    return loss


def entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Entropy divided by ln C."""
    log_p = functional.log_softmax(logits, 1)
    return -(log_p.exp() * log_p).sum(1).mean() / math.log(logits.shape[1])


def maximum_squares(logits: Tensor, labels: Tensor) -> Tensor:
    """-1/2 sum_c p^2."""
    return -0.5 * (logits.softmax(1) ** 2).sum(1).mean()


def image_wise(logits: Tensor, labels: Tensor) -> Tensor:
    """Image-wise weights, the paper's, alpha 0.2."""
    classes, height, width = logits.shape[1:]
    p = logits.softmax(1)
    hist = functional.one_hot(p.argmax(1), classes).sum((1, 2)).to(p.dtype)
    weights = 1 / (hist.clamp(min=1) ** 0.2 * (height * width) ** 0.8)
    return -0.5 * (p**2 * weights[:, :, None, None]).sum((1, 2, 3)).mean()


def total_variation(targets: Tensor) -> Loss:
    """Half the L1 distance from distributions [B, C, H, W]."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return 0.5 * (logits.softmax(1) - targets).abs().sum(1).mean()

    return loss


def soft_cross_entropy(targets: Tensor) -> Loss:
    """Cross entropy with distributions [B, C, H, W]."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return -(targets * functional.log_softmax(logits, 1)).sum(1).mean()

    return loss


def window(size: int, sigma: float) -> Tensor:
    """Normalised Gaussian weights [size, size]."""
    places = torch.arange(size) - size // 2
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    return weights[:, None] * weights[None]


def structural_similarity(size: int = 3, sigma: float = 1.5, beta: float = 0.1, c4: float = 0.01) -> Loss:
    """SSL under Eq. 16, zeros beyond the image; the error is a constant to the gradient."""
    weights = window(size, sigma)
    centre = float(weights[size // 2, size // 2])
    largest = 2 * (1 - centre) / math.sqrt(centre - centre**2 + c4)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        classes = logits.shape[1]
        kernel = weights.to(logits).expand(classes, 1, size, size)
        truth, valid = _one_hot(logits, labels), (labels != VOID).unsqueeze(1)

        def normalized(x: Tensor) -> Tensor:
            mean = functional.conv2d(x, kernel, padding=size // 2, groups=classes)
            var = functional.conv2d(x**2, kernel, padding=size // 2, groups=classes) - mean**2
            return (x - mean + c4) / torch.sqrt(var.clamp(min=0) + c4)

        with torch.no_grad():
            error = (normalized(truth) - normalized(torch.sigmoid(logits) * valid)).abs()
            hard = (error > beta * largest) & valid
        bce = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return (error * bce * hard).sum() / hard.sum().clamp(min=1)

    return loss


def affinity(margin: float = 3.0) -> Loss:
    """Affinity field of size 1: neighbour || centre KL of every class, edge and non-edge pairs averaged apart."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        height, width = logits.shape[2:]
        p, truth = logits.softmax(1), _one_hot(logits, labels)
        padded = functional.pad(p, (1, 1, 1, 1))
        padded_truth = functional.pad(truth, (1, 1, 1, 1))
        padded_valid = functional.pad((labels != VOID), (1, 1, 1, 1))
        offsets = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
        cut = [(..., slice(row, row + height), slice(column, column + width)) for row, column in offsets]
        other = torch.stack([padded[place] for place in cut])
        other_truth = torch.stack([padded_truth[place] for place in cut])
        both = torch.stack([padded_valid[place] for place in cut]) & (labels != VOID)
        q, r = p.clamp(1e-4, 1), (1 - p).clamp(1e-4, 1)
        other_q, other_r = other.clamp(1e-4, 1), (1 - other).clamp(1e-4, 1)
        divergence = other_q * torch.log(other_q / q) + other_r * torch.log(other_r / r)
        edge = (other_truth != truth) & both[:, :, None]
        same = (other_truth == truth) & both[:, :, None]
        on_edge = torch.where(edge, (margin - divergence).clamp(min=0), 0.0).sum() / edge.sum().clamp(min=1)
        off_edge = torch.where(same, divergence, 0.0).sum() / same.sum().clamp(min=1)
        return on_edge + off_edge

    return loss
