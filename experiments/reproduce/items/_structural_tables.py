"""The tables of the structural similarity loss's paper (Zhao et al. 2019), as printed: IoU in percent.

SSL(3) has regions of 3 x 3; a + is DeepLabv3+, no mark DeepLabv3.
"""

from experiments.reproduce.items.item import miou, numbers

VOC = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow table dog horse motorbike person plant "
    "sheep sofa train tv mIoU"
)
CITYSCAPES = (
    "road sidewalk building wall fence pole light sign vegetation terrain sky person rider car truck bus train "
    "motorcycle bicycle mIoU"
)

TABLE_1 = numbers(
    VOC,
    {
        "CE": "94.07 85.54 52.46 81.18 67.84 77.63 91.42 88.00 91.27 35.95 83.44 61.47 86.80 84.48 85.67 82.28 64.19 "
        "85.97 53.63 84.02 69.97 76.54",
        "SSL(3)": "94.43 88.58 56.32 85.52 67.22 76.07 90.53 85.92 90.68 35.92 81.80 62.76 86.80 86.47 86.42 84.32 "
        "65.25 86.65 56.36 81.80 72.55 77.26",
        "CE(+)": "94.54 91.96 58.00 88.07 66.45 78.17 93.51 88.36 91.34 37.21 84.90 60.50 87.51 82.06 84.64 84.21 "
        "60.79 84.76 56.45 87.59 73.70 77.84",
        "SSL(+3)": "95.25 93.38 63.91 82.46 70.83 76.47 94.75 88.79 93.83 35.74 87.04 62.35 88.99 88.69 87.00 86.80 "
        "64.39 88.47 60.25 90.24 70.98 79.55",
    },
)
TABLE_2 = miou(
    {
        "CE": 76.33,
        "BCE": 76.80,
        "SSIM Eq. 7, 3": 77.16,
        "SSIM Eq. 7, 11": 76.25,
        "SSIM Eq. 9, 3": 77.02,
        "SSIM Eq. 9, 11": 76.78,
        "SSL(1)": 76.66,
        "SSL(11)": 77.70,
        "SSL(9)": 77.87,
        "SSL(7)": 78.34,
        "SSL(5)": 77.69,
        "SSL(3)": 78.46,
        "CE(+)": 78.12,
        "BCE(+)": 78.31,
        "SSL(+1)": 79.04,
        "SSL(+11)": 79.22,
        "SSL(+7)": 79.88,
        "SSL(+3)": 80.63,
    }
)
TABLE_3 = miou(
    {
        "OHEM only": 77.66,
        "reweight only": 77.61,
        "sigma 1.0": 77.41,
        "sigma 2.0": 77.92,
        "sigma 2.5": 77.99,
        "sigma 3.0": 78.36,
        "sigma 3.5": 77.89,
        "beta 0.06": 77.39,
        "beta 0.08": 77.84,
        "beta 0.09": 77.88,
        "beta 0.11": 78.02,
        "beta 0.12": 78.09,
        "beta 0.14": 77.22,
        "both, sigma 1.5, beta 0.10": 78.46,
    }
)
TABLE_4 = numbers(
    CITYSCAPES,
    {
        "CE": "97.97 82.97 91.16 44.91 58.15 54.19 65.25 74.23 91.36 59.81 93.73 79.36 62.34 94.40 71.32 81.87 60.97 "
        "62.30 74.52 73.73",
        "SSL(3)": "97.95 83.20 91.56 53.14 58.07 54.86 66.85 75.88 91.68 61.55 93.81 79.77 62.17 94.75 79.12 83.31 "
        "63.68 60.71 75.21 75.12",
    },
)
TABLE_5 = miou(
    {
        "Luc et al., base": 71.79,
        "Luc et al., LargeFOV": 72.04,
        "CE": 74.83,
        "BCE": 75.24,
        "CE + CRF-1": 75.65,
        "CE + CRF-2": 75.00,
        "CE + CRF-5": 73.58,
        "affinity": 75.29,
        "SSL(11)": 75.89,
        "SSL(7)": 76.08,
        "SSL(3)": 76.76,
    }
)
TABLE_6 = miou(
    {
        "CE": 73.73,
        "BCE": 73.58,
        "SSL(11)": 74.52,
        "SSL(9)": 74.29,
        "SSL(7)": 74.26,
        "SSL(5)": 74.27,
        "SSL(3)": 75.12,
    }
)
