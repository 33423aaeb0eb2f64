# mypy: ignore-errors
# torch builds its modules from attributes that no annotation knows.
"""The networks as PyTorch modules with their public key layouts: timed beside ours, and what the tests compare with.

Written from the papers' layer lists; no code of the published forms is in them.
"""

import sys
import types
from typing import Any

import torch
from torch import nn

MIXED = (
    ("regular", 1),
    ("dilated", 2),
    ("asymmetric", 1),
    ("dilated", 4),
    ("regular", 1),
    ("dilated", 8),
    ("asymmetric", 1),
    ("dilated", 16),
)
"""Blocks of ENet's stages 2 and 3: kind and dilation."""
SEGNET_CONVOLUTIONS, SEGNET_CHANNELS = (2, 2, 3, 3, 3), (64, 128, 256, 512, 512)


def make(name: str, classes: int) -> Any:
    """The twin of one of our networks; None where it cannot be had here."""
    if name == "deeplab_v3":
        models = torchvision_models()
        return None if models is None else DeepLabV3(models, classes)
    if name == "deeplab_v2":
        return First(deeplab_v2(classes))
    return {"enet": enet, "segnet": segnet, "fcn8s": fcn8s}[name](classes)


class First(nn.Module):
    """The first output of a module with several."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.module(image)[0]


def torchvision_models() -> Any:
    """torchvision's model definitions, which need none of its compiled operators; None where it is not installed."""
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("_meta_registrations"))
    try:
        from torchvision import models
    except ImportError:
        return None
    return models


def enet(classes: int, mixed: tuple[tuple[str, int], ...] = MIXED) -> Any:
    """ENet's port, without its dropout."""

    def unit(convolution, activation=None):
        layers = [convolution, nn.BatchNorm2d(convolution.out_channels)]
        return [*layers, activation()] if activation else layers

    def conv(given, features, kernel=1, **options):
        return nn.Conv2d(given, features, kernel, bias=False, **options)

    class Initial(nn.Module):
        def __init__(self):
            super().__init__()
            self.main_branch = conv(3, 13, 3, stride=2, padding=1)
            self.batch_norm = nn.BatchNorm2d(16)
            self.out_activation = nn.PReLU()

        def forward(self, x):
            both = torch.cat((self.main_branch(x), nn.functional.max_pool2d(x, 3, 2, 1)), 1)
            return self.out_activation(self.batch_norm(both))

    class Regular(nn.Module):
        def __init__(self, features, dilation=1, asymmetric=False, activation=nn.PReLU):
            super().__init__()
            inner = features // 4
            if asymmetric:
                middle = unit(conv(inner, inner, (5, 1), padding=(2, 0)), activation)
                middle += unit(conv(inner, inner, (1, 5), padding=(0, 2)), activation)
            else:
                middle = unit(conv(inner, inner, 3, padding=dilation, dilation=dilation), activation)
            self.ext_conv1 = nn.Sequential(*unit(conv(features, inner), activation))
            self.ext_conv2 = nn.Sequential(*middle)
            self.ext_conv3 = nn.Sequential(*unit(conv(inner, features), activation))
            self.out_activation = activation()

        def forward(self, x):
            return self.out_activation(x + self.ext_conv3(self.ext_conv2(self.ext_conv1(x))))

    class Down(nn.Module):
        def __init__(self, given, features):
            super().__init__()
            inner = given // 4
            self.ext_conv1 = nn.Sequential(*unit(conv(given, inner, 2, stride=2), nn.PReLU))
            self.ext_conv2 = nn.Sequential(*unit(conv(inner, inner, 3, padding=1), nn.PReLU))
            self.ext_conv3 = nn.Sequential(*unit(conv(inner, features), nn.PReLU))
            self.out_activation = nn.PReLU()

        def forward(self, x):
            pooled, places = nn.functional.max_pool2d(x, 2, return_indices=True)
            y = self.ext_conv3(self.ext_conv2(self.ext_conv1(x)))
            pooled = nn.functional.pad(pooled, (0, 0, 0, 0, 0, y.shape[1] - pooled.shape[1]))
            return self.out_activation(pooled + y), places

    class Up(nn.Module):
        def __init__(self, given, features):
            super().__init__()
            inner = given // 4
            self.main_conv1 = nn.Sequential(*unit(conv(given, features)))
            self.ext_conv1 = nn.Sequential(*unit(conv(given, inner), nn.ReLU))
            self.ext_tconv1 = nn.ConvTranspose2d(inner, inner, 2, 2, bias=False)
            self.ext_tconv1_bnorm = nn.BatchNorm2d(inner)
            self.ext_conv2 = nn.Sequential(*unit(conv(inner, features)))

        def forward(self, x, places, size):
            shortcut = nn.functional.max_unpool2d(self.main_conv1(x), places, 2, output_size=size)
            y = self.ext_tconv1(self.ext_conv1(x), output_size=size)
            return torch.relu(shortcut + self.ext_conv2(torch.relu(self.ext_tconv1_bnorm(y))))

    class ENet(nn.Module):
        def __init__(self):
            super().__init__()
            self.initial_block = Initial()
            self.downsample1_0 = Down(16, 64)
            self.downsample2_0 = Down(64, 128)
            self.upsample4_0, self.upsample5_0 = Up(128, 64), Up(64, 16)
            for index in range(1, 5):
                setattr(self, f"regular1_{index}", Regular(64))
            for stage, first in ((2, 1), (3, 0)):
                for index, (kind, dilation) in enumerate(mixed, start=first):
                    setattr(self, f"{kind}{stage}_{index}", Regular(128, dilation, kind == "asymmetric"))
            for name, features in (("regular4_1", 64), ("regular4_2", 64), ("regular5_1", 16)):
                setattr(self, name, Regular(features, activation=nn.ReLU))
            self.transposed_conv = nn.ConvTranspose2d(16, classes, 3, 2, 1, bias=False)

        def forward(self, x):
            sizes = [x.shape]
            x = self.initial_block(x)
            sizes.append(x.shape)
            x, first = self.downsample1_0(x)
            for index in range(1, 5):
                x = getattr(self, f"regular1_{index}")(x)
            sizes.append(x.shape)
            x, second = self.downsample2_0(x)
            for stage, start in ((2, 1), (3, 0)):
                for index, (kind, _) in enumerate(mixed, start=start):
                    x = getattr(self, f"{kind}{stage}_{index}")(x)
            x = self.upsample4_0(x, second, sizes[2])
            x = self.regular4_2(self.regular4_1(x))
            x = self.regular5_1(self.upsample5_0(x, first, sizes[1]))
            return self.transposed_conv(x, output_size=sizes[0])

    return ENet()


def segnet(classes: int, width: float = 1.0) -> Any:
    """SegNet."""

    channels = [int(each * width) for each in SEGNET_CHANNELS]

    class SegNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = [], []
            given = 3
            for block, (count, features) in enumerate(
                zip(SEGNET_CONVOLUTIONS, channels, strict=True), start=1
            ):
                for index in range(1, count + 1):
                    self.encoder.append((block, f"{block}{index}"))
                    self.add(f"{block}{index}", given, features)
                    given = features
            for block in range(5, 0, -1):
                for index in range(SEGNET_CONVOLUTIONS[block - 1], 0, -1):
                    features = channels[block - 1] if index > 1 else channels[max(block - 2, 0)]
                    last = block == index == 1
                    self.decoder.append((block, f"{block}{index}d"))
                    self.add(f"{block}{index}d", given, classes if last else features, not last)
                    given = features

        def add(self, place, given, features, norm=True):
            setattr(self, f"conv{place}", nn.Conv2d(given, features, 3, padding=1))
            if norm:
                setattr(self, f"bn{place}", nn.BatchNorm2d(features))

        def unit(self, x, place):
            x = getattr(self, f"conv{place}")(x)
            return torch.relu(getattr(self, f"bn{place}")(x)) if hasattr(self, f"bn{place}") else x

        def forward(self, x):
            pools = {}
            for block in range(1, 6):
                for place in (place for owner, place in self.encoder if owner == block):
                    x = self.unit(x, place)
                size = x.shape[2:]
                x, places = nn.functional.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
                pools[block] = places, size
            for block in range(5, 0, -1):
                places, size = pools[block]
                x = nn.functional.max_unpool2d(x, places, 2, output_size=size)
                for place in (place for owner, place in self.decoder if owner == block):
                    x = self.unit(x, place)
            return x

    return SegNet()


def deeplab_v2(
    classes: int, blocks: tuple[int, ...] = (3, 4, 23, 3), multi_level: bool = False, summed: int = 4
) -> Any:
    """DeepLabv2 on a ResNet in Caffe's form, ResNet-101 by default, without upsampling."""

    class Block(nn.Module):
        def __init__(self, given, planes, stride, dilation, project):
            super().__init__()
            self.conv1 = nn.Conv2d(given, planes, 1, stride, bias=False)
            self.bn1 = nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, dilation, dilation, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
            self.bn3 = nn.BatchNorm2d(4 * planes)
            self.downsample = None
            if project:
                shortcut = nn.Conv2d(given, 4 * planes, 1, stride, bias=False)
                self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * planes))

        def forward(self, x):
            y = self.bn1(self.conv1(x)).relu()
            y = self.bn2(self.conv2(y)).relu()
            y = self.bn3(self.conv3(y))
            return (y + (x if self.downsample is None else self.downsample(x))).relu()

    class Head(nn.Module):
        def __init__(self, given):
            super().__init__()
            convs = [nn.Conv2d(given, classes, 3, padding=rate, dilation=rate) for rate in (6, 12, 18, 24)]
            self.conv2d_list = nn.ModuleList(convs)

        def forward(self, x):
            return sum(conv(x) for conv in self.conv2d_list[:summed])

    class DeepLab(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            given = 64
            settings = zip((64, 128, 256, 512), blocks, (1, 2, 1, 1), (1, 1, 2, 4), strict=True)
            for index, (planes, count, stride, dilation) in enumerate(settings, start=1):
                layer = []
                for block in range(count):
                    layer.append(Block(given, planes, stride if block == 0 else 1, dilation, block == 0))
                    given = 4 * planes
                self.add_module(f"layer{index}", nn.Sequential(*layer))
            self.layer5 = Head(1024 if multi_level else 2048)
            if multi_level:
                self.layer6 = Head(2048)

        def forward(self, x):
            x = self.bn1(self.conv1(x)).relu()
            x = torch.nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True)
            third = self.layer3(self.layer2(self.layer1(x)))
            last = self.layer4(third)
            return (self.layer6(last), self.layer5(third)) if multi_level else (self.layer5(last), None)

    return DeepLab()


def fcn8s(classes: int) -> Any:
    """FCN-8s on VGG-16 with padding 1 and bilinear upsampling."""

    class FCN8s(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            blocks, given = [], 3
            settings = zip((2, 2, 3, 3, 3), (64, 128, 256, 512, 512), strict=True)
            for count, features in settings:
                layers: list[nn.Module] = []
                for _ in range(count):
                    layers += [nn.Conv2d(given, features, 3, padding=1), nn.ReLU(inplace=True)]
                    given = features
                blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2, ceil_mode=True)))
            self.blocks = nn.ModuleList(blocks)
            self.fc6 = nn.Conv2d(512, 4096, 7, padding=3)
            self.fc7 = nn.Conv2d(4096, 4096, 1)
            self.dropout = nn.Dropout(0.5)
            self.scores = nn.ModuleList(nn.Conv2d(each, classes, 1) for each in (4096, 512, 256))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            pooled = [image]
            for block in self.blocks:
                pooled.append(block(pooled[-1]))
            x = self.dropout(self.fc6(pooled[-1]).relu())
            x = self.dropout(self.fc7(x).relu())
            score = self.scores[0](x)
            for layer, skip in zip(self.scores[1:], (pooled[4], pooled[3]), strict=True):
                score = layer(skip) + nn.functional.interpolate(score, skip.shape[2:], mode="bilinear")
            return nn.functional.interpolate(score, image.shape[2:], mode="bilinear")

    return FCN8s()


class DeepLabV3(nn.Module):
    """torchvision's DeepLabv3 on ResNet-101 at output stride 16, without its extra 3x3 layer and its upsampling."""

    def __init__(self, models: Any, classes: int) -> None:
        super().__init__()
        from torchvision.models.segmentation.deeplabv3 import ASPP

        trunk = models.resnet101(weights=None, replace_stride_with_dilation=[False, False, True])
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        self.aspp = ASPP(2048, [6, 12, 18])
        self.head = nn.Conv2d(256, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits at stride 16."""
        return self.head(self.aspp(self.trunk(image)))
