"""Entropic transport longhand, its linear program, and small metrics."""

import numpy as np
from scipy.optimize import linprog
from scipy.special import logsumexp

from tests.losses.cases import softmax

CHAIN = np.abs(np.arange(4)[:, None] - np.arange(4)).astype(np.float32)
S, T = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.05, 0.05, 0.8, 0.1])


def costs(classes, seed=0):
    """A metric without symmetry, zero on its diagonal, of float32 numbers."""
    metric = np.random.default_rng(seed).random((classes, classes)).astype(np.float32)
    np.fill_diagonal(metric, 0.0)
    return metric.astype(np.float64)


def longhand(logits, targets, valid, ground, epsilon, iterations=50):
    """Matrix scaling by the book, all pixels [P, C] at once, and its primal value."""
    s, t = softmax(logits).reshape(-1, logits.shape[-1]), targets.reshape(-1, logits.shape[-1])
    eps = epsilon * ground.mean()
    kernel, u = np.exp(-ground / eps), np.ones_like(s)
    for _ in range(iterations):
        v = t / (u @ kernel)
        u = s / (v @ kernel.T)
    potentials = eps * np.log(u / s), eps * np.log(v / t)
    values = (s * potentials[0] + t * potentials[1]).sum(-1)
    return values.reshape(valid.shape)


def exact(s, t, metric):
    """The linear program of Eq. 1."""
    classes = s.size
    rows = np.kron(np.eye(classes), np.ones(classes))
    columns = np.kron(np.ones(classes), np.eye(classes))
    # One equation follows from the others; without it rounding cannot make them contradict.
    equations, masses = np.vstack([rows, columns])[:-1], np.concatenate([s, t])[:-1]
    return linprog(metric.ravel(), A_eq=equations, b_eq=masses, bounds=(0, None)).fun


def longhand_in_float64(logits, targets, metric, epsilon):
    """The same on logarithms: classes without mass and kernels that underflow are nothing special."""
    logits, targets, metric = (np.asarray(each, np.float64) for each in (logits, targets, metric))
    with np.errstate(divide="ignore"):
        log_s = np.log(softmax(logits))
        log_t = np.log(targets / targets.sum(-1, keepdims=True))
    scaled = metric / (float(epsilon) * metric.mean())
    log_u = np.where(log_s > -np.inf, 0.0, -np.inf)
    for _ in range(50):
        q = -logsumexp(log_u[..., :, None] - scaled, axis=-2)
        p = -logsumexp((log_t + q)[..., None, :] - scaled, axis=-1)
        log_u = log_s + p
    values = np.sum(np.exp(log_s) * p, axis=-1) + np.sum(np.exp(log_t) * q, axis=-1)
    return float(epsilon) * metric.mean() * values
