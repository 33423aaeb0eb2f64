# mypy: ignore-errors
# torch builds its modules from attributes that no annotation knows.
"""MetaPix's meta step in PyTorch, by double backward: timed beside ours.

Written from the paper's equations and the U-Net's layer list; no code of the published form is in it.
"""

import torch
from torch import nn
from torch.func import functional_call


def has_gpu() -> bool:
    """Whether torch can use a GPU."""
    return torch.cuda.is_available()


def stack(depth: int, width: int, classes: int) -> nn.Module:
    """`depth` 3x3 convolutions with ReLU, and scores."""
    layers, given = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(given, width, 3, padding=1), nn.ReLU()]
        given = width
    return nn.Sequential(*layers, nn.Conv2d(given, classes, 1))


def _double(given: int, middle: int, features: int) -> nn.Module:
    layers = []
    for before, after in ((given, middle), (middle, features)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.InstanceNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """The weighting network: three halvings, three doublings, a pair of scores for each pixel."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        w = width
        self.inc = _double(given, w, w)
        self.down = nn.ModuleList(
            [_double(w, 2 * w, 2 * w), _double(2 * w, 4 * w, 4 * w), _double(4 * w, 4 * w, 4 * w)]
        )
        self.up = nn.ModuleList(
            [_double(8 * w, 4 * w, 2 * w), _double(4 * w, 2 * w, w), _double(2 * w, w, w)]
        )
        self.outc = nn.Conv2d(w, 2, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Weights [B, H, W]."""
        kept, x = [], self.inc(maps)
        for block in self.down:
            kept.append(x)
            x = block(nn.functional.max_pool2d(x, 2, ceil_mode=True))
        for block in self.up:
            skip = kept.pop()
            x = nn.functional.interpolate(x, skip.shape[2:], mode="bilinear", align_corners=True)
            x = block(torch.cat((skip, x), 1))
        return self.outc(x).softmax(1)[:, 1]


class Steps:
    """A supervised step on the source and a meta step, on one batch that lies on the device."""

    def __init__(self, *, classes, depth, width, weighting_width, rate, batch, device) -> None:
        layout = {"device": device, "memory_format": torch.channels_last}
        self.network = stack(depth, width, classes).to(**layout)
        self.weighting = UNet(classes + 4, weighting_width).to(**layout)
        self.rate, self.device = rate, device
        self.optimizers = [
            torch.optim.Adam(each.parameters(), rate) for each in (self.network, self.weighting)
        ]
        self.peak = {}
        self.image, self.label = {}, {}
        for domain, part in batch.items():
            image = torch.tensor(part["image"] / 127.5 - 1.0, device=device).movedim(-1, 1)
            self.image[domain] = image.contiguous(memory_format=torch.channels_last)
            self.label[domain] = torch.tensor(part["label"], dtype=torch.int64, device=device)
        hot = nn.functional.one_hot(self.label["source"], classes + 1).movedim(-1, 1)
        maps = torch.cat((self.image["source"], hot.to(self.image["source"].dtype)), 1)
        self.maps = maps.contiguous(memory_format=torch.channels_last)

    def parameters(self) -> dict[str, int]:
        """How many either network has."""
        both = {"network": self.network, "weighting": self.weighting}
        return {name: sum(leaf.numel() for leaf in each.parameters()) for name, each in both.items()}

    def _measured(self, name, step) -> float:
        if self.device != "cuda":
            return float(step())
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        value = float(step())
        torch.cuda.synchronize()
        self.peak[name] = round((torch.cuda.max_memory_allocated() - before) / 1e6, 2)
        return value

    def peaks(self) -> dict[str, float]:
        """Megabytes that the last step of each kind took above what was held, on a GPU."""
        return self.peak

    def supervised(self) -> float:
        """Cross entropy of the source, backward, Adam."""

        def step():
            self.optimizers[0].zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(self.network(self.image["source"]), self.label["source"])
            loss.backward()
            self.optimizers[0].step()
            return loss.detach()

        return self._measured("torch supervised", step)

    def meta(self) -> float:
        """Algorithm 2: the gradient through a virtual step, Adam."""

        def step():
            self.optimizers[1].zero_grad(set_to_none=True)
            theta = dict(self.network.named_parameters())
            values = nn.functional.cross_entropy(
                self.network(self.image["source"]), self.label["source"], reduction="none"
            )
            weighted = (self.weighting(self.maps) * values).mean()
            gradient = torch.autograd.grad(weighted, tuple(theta.values()), create_graph=True)
            virtual = {name: p - self.rate * g for (name, p), g in zip(theta.items(), gradient, strict=True)}
            logits = functional_call(self.network, virtual, (self.image["target"],))
            loss = nn.functional.cross_entropy(logits, self.label["target"])
            phi = tuple(self.weighting.parameters())
            for parameter, slope in zip(phi, torch.autograd.grad(loss, phi), strict=True):
                parameter.grad = slope
            self.optimizers[1].step()
            return loss.detach()

        return self._measured("torch meta", step)
