"""The tables of importance-aware Wasserstein training (Liu et al. 2020), as printed: IoU in percent.

L_d has a linear ground metric, L_d2 its square, L_H Huber's function of it. A mean over the classes that are printed
is ours, and named as one.
"""

import statistics
from collections.abc import Mapping

from experiments.reproduce.items.item import Numbers, numbers

GROUP_4 = "person rider car truck bus motorcycle bicycle mIoU"
MEAN = "mean of group 4 (ours)"


def _with_mean(table: Numbers) -> Numbers:
    """The table with the mean of all its columns but the mIoU."""

    def of(row: Mapping[str, float]) -> float:
        return round(statistics.fmean(value for name, value in row.items() if name != "mIoU"), 1)

    return {name: {**row, MEAN: of(row)} for name, row in table.items()}


TABLE_1 = _with_mean(
    numbers(
        GROUP_4,
        {
            "SegNet": "62.8 42.8 89.3 38.1 43.1 35.8 51.9 57.0",
            "SegNet + IAL": "84.1 46.0 91.1 75.9 65.0 22.2 65.3 65.7",
            "SegNet + L_d": "86.4 48.7 92.8 78.5 68.2 40.2 62.8 67.4",
            "SegNet + L_d2": "87.5 50.2 93.4 79.8 69.5 42.0 64.3 68.0",
            "SegNet + L_H": "87.6 49.8 93.2 79.5 70.3 41.6 63.6 67.9",
            "ENet": "65.5 38.4 90.6 36.9 50.5 38.8 55.4 58.3",
            "ENet + IAL": "87.7 41.3 92.4 73.5 76.2 24.1 69.7 67.5",
            "ENet + L_d": "90.7 48.7 95.5 70.8 75.3 46.2 73.3 69.1",
            "ENet + L_d2": "90.9 49.6 96.8 71.4 77.6 46.3 75.1 69.3",
            "ENet + L_H": "90.1 49.5 96.8 72.6 77.8 46.2 75.0 69.5",
        },
    )
)
TABLE_2 = numbers(
    "road sidewalk sign car pedestrian bicycle mIoU",
    {
        "FCN": "98.1 89.5 25.1 84.5 64.6 38.6 69.6",
        "FCN + IAL": "96.3 91.8 21.5 82.2 69.5 57.6 71.2",
        "FCN + L_d": "98.5 93.2 28.3 87.4 71.3 60.0 72.4",
        "FCN + L_d2": "98.7 94.6 29.7 89.5 73.4 60.7 72.8",
        "FCN + L_H": "98.5 95.0 29.5 89.7 73.5 60.6 72.8",
    },
)
TABLE_3 = _with_mean(
    numbers(
        GROUP_4,
        {
            "LRENT": "61.7 27.4 83.5 27.3 37.8 30.9 41.1 46.5",
            "L_d": "65.4 33.7 88.5 36.2 44.8 39.3 48.4 46.8",
            "L_d2": "65.7 34.0 88.9 36.7 45.3 39.6 49.1 47.0",
            "L_H": "66.2 34.7 89.5 37.1 46.0 40.8 50.5 47.3",
        },
    )
)
