"""The tables of MetaPix's paper (Jian and Gao 2021), as printed: mIoU on Cityscapes' validation images in percent.

A dagger marks what the paper takes from that of hierarchical region selection (HRSelect, Sun et al. 2019).
"""

from experiments.reproduce.items.item import Numbers, miou

TABLE_1 = miou(
    {
        "Swami et al. †, unsupervised": 37.1,
        "CL †, unsupervised": 38.1,
        "ROAD †, unsupervised": 35.9,
        "FCN †": 65.3,
        "PixelDA †": 66.1,
        "FCN+Focal Loss †": 66.2,
        "Direct Joint Training †": 64.6,
        "Target Funetuning †": 66.0,
        "FCN+GAN †": 64.0,
        "FCN+0-1 Conf. Mask †": 63.7,
        "FCN+HRSelect-W^1 †": 66.5,
        "FCN+HRSelect-W^1+L_rec+L_adv †": 67.6,
        "FCN (our implementation)": 64.7,
        "FCN+FDA": 66.5,
        "FCN+MinEnt": 66.3,
        "FCN+MetaPix-W^1 (ours)": 68.7,
    }
)
TABLE_2 = miou(
    {
        "Swami et al. †, unsupervised": 34.8,
        "CL †, unsupervised": 34.2,
        "ROAD †, unsupervised": 36.2,
        "FCN †": 65.3,
        "PixelDA †": 64.0,
        "Direct Joint Training †": 62.9,
        "Target Funetuning †": 64.8,
        "FCN+GAN †": 62.6,
        "FCN+HRSelect-W^1+L_rec+L_adv †": 66.3,
        "FCN (our implementation)": 64.7,
        "FCN+FDA": 63.6,
        "FCN+MinEnt": 65.4,
        "FCN+MetaPix-W^1 (ours)": 66.7,
    }
)
TABLE_3 = miou(
    {
        "FCN+finetune 45K steps": 66.4,
        "FCN+MetaPix-W^19 (ours)": 68.3,
        "FCN+MetaPix-W^1 (ours)": 68.7,
    }
)
FIGURE_4: Numbers = {
    "no split, the Direct Joint Training of Table 1": {"mIoU": 64.6},
    "S@1": {"gain": 1.1},
    "S@5, the FCN of Table 1": {"mIoU": 65.3},
}
"""What the text says of it; the bars have no numbers that could be read."""
