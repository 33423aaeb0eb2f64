"""The numbers of the five papers' tables, from the fact sheets; `test_reproduce_list.py` holds the items against them.

Written from the sheets and not from the items. Columns in the order of the print; what a sheet has of a table, no more.
"""

Rows = dict[str, tuple[float, ...]]

GROUP_4 = ("person", "rider", "car", "truck", "bus", "motorcycle", "bicycle", "mIoU")
WASSERSTEIN_1: Rows = {
    "SegNet": (62.8, 42.8, 89.3, 38.1, 43.1, 35.8, 51.9, 57.0),
    "SegNet + IAL": (84.1, 46.0, 91.1, 75.9, 65.0, 22.2, 65.3, 65.7),
    "SegNet + L_d": (86.4, 48.7, 92.8, 78.5, 68.2, 40.2, 62.8, 67.4),
    "SegNet + L_d2": (87.5, 50.2, 93.4, 79.8, 69.5, 42.0, 64.3, 68.0),
    "SegNet + L_H": (87.6, 49.8, 93.2, 79.5, 70.3, 41.6, 63.6, 67.9),
    "ENet": (65.5, 38.4, 90.6, 36.9, 50.5, 38.8, 55.4, 58.3),
    "ENet + IAL": (87.7, 41.3, 92.4, 73.5, 76.2, 24.1, 69.7, 67.5),
    "ENet + L_d": (90.7, 48.7, 95.5, 70.8, 75.3, 46.2, 73.3, 69.1),
    "ENet + L_d2": (90.9, 49.6, 96.8, 71.4, 77.6, 46.3, 75.1, 69.3),
    "ENet + L_H": (90.1, 49.5, 96.8, 72.6, 77.8, 46.2, 75.0, 69.5),
}
CAMVID_COLUMNS = ("road", "sidewalk", "sign", "car", "pedestrian", "bicycle", "mIoU")
WASSERSTEIN_2: Rows = {
    "FCN": (98.1, 89.5, 25.1, 84.5, 64.6, 38.6, 69.6),
    "FCN + IAL": (96.3, 91.8, 21.5, 82.2, 69.5, 57.6, 71.2),
    "FCN + L_d": (98.5, 93.2, 28.3, 87.4, 71.3, 60.0, 72.4),
    "FCN + L_d2": (98.7, 94.6, 29.7, 89.5, 73.4, 60.7, 72.8),
    "FCN + L_H": (98.5, 95.0, 29.5, 89.7, 73.5, 60.6, 72.8),
}
WASSERSTEIN_3: Rows = {
    "LRENT": (61.7, 27.4, 83.5, 27.3, 37.8, 30.9, 41.1, 46.5),
    "L_d": (65.4, 33.7, 88.5, 36.2, 44.8, 39.3, 48.4, 46.8),
    "L_d2": (65.7, 34.0, 88.9, 36.7, 45.3, 39.6, 49.1, 47.0),
    "L_H": (66.2, 34.7, 89.5, 37.1, 46.0, 40.8, 50.5, 47.3),
}
STRUCTURAL_1: Rows = {
    "CE": (
        94.07,
        85.54,
        52.46,
        81.18,
        67.84,
        77.63,
        91.42,
        88.00,
        91.27,
        35.95,
        83.44,
        61.47,
        86.80,
        84.48,
        85.67,
        82.28,
        64.19,
        85.97,
        53.63,
        84.02,
        69.97,
        76.54,
    ),
    "SSL(3)": (
        94.43,
        88.58,
        56.32,
        85.52,
        67.22,
        76.07,
        90.53,
        85.92,
        90.68,
        35.92,
        81.80,
        62.76,
        86.80,
        86.47,
        86.42,
        84.32,
        65.25,
        86.65,
        56.36,
        81.80,
        72.55,
        77.26,
    ),
    "CE(+)": (
        94.54,
        91.96,
        58.00,
        88.07,
        66.45,
        78.17,
        93.51,
        88.36,
        91.34,
        37.21,
        84.90,
        60.50,
        87.51,
        82.06,
        84.64,
        84.21,
        60.79,
        84.76,
        56.45,
        87.59,
        73.70,
        77.84,
    ),
    "SSL(+3)": (
        95.25,
        93.38,
        63.91,
        82.46,
        70.83,
        76.47,
        94.75,
        88.79,
        93.83,
        35.74,
        87.04,
        62.35,
        88.99,
        88.69,
        87.00,
        86.80,
        64.39,
        88.47,
        60.25,
        90.24,
        70.98,
        79.55,
    ),
}
STRUCTURAL_2 = {
    "CE": 76.33,
    "BCE": 76.80,
    "SSIM Eq. 7, 3": 77.16,
    "SSIM Eq. 7, 11": 76.25,
    "SSIM Eq. 9, 3": 77.02,
    "SSIM Eq. 9, 11": 76.78,
    **dict(
        zip(
            ("SSL(1)", "SSL(11)", "SSL(9)", "SSL(7)", "SSL(5)", "SSL(3)"),
            (76.66, 77.70, 77.87, 78.34, 77.69, 78.46),
            strict=True,
        )
    ),
    "CE(+)": 78.12,
    "BCE(+)": 78.31,
    **dict(zip(("SSL(+1)", "SSL(+11)", "SSL(+7)", "SSL(+3)"), (79.04, 79.22, 79.88, 80.63), strict=True)),
}
STRUCTURAL_3 = {
    "OHEM only": 77.66,
    "reweight only": 77.61,
    **{
        f"sigma {s}": v
        for s, v in zip((1.0, 2.0, 2.5, 3.0, 3.5), (77.41, 77.92, 77.99, 78.36, 77.89), strict=True)
    },
    **{
        f"beta {b:.2f}": v
        for b, v in zip(
            (0.06, 0.08, 0.09, 0.11, 0.12, 0.14), (77.39, 77.84, 77.88, 78.02, 78.09, 77.22), strict=True
        )
    },
    "both, sigma 1.5, beta 0.10": 78.46,
}
STRUCTURAL_4: Rows = {
    "CE": (
        97.97,
        82.97,
        91.16,
        44.91,
        58.15,
        54.19,
        65.25,
        74.23,
        91.36,
        59.81,
        93.73,
        79.36,
        62.34,
        94.40,
        71.32,
        81.87,
        60.97,
        62.30,
        74.52,
        73.73,
    ),
    "SSL(3)": (
        97.95,
        83.20,
        91.56,
        53.14,
        58.07,
        54.86,
        66.85,
        75.88,
        91.68,
        61.55,
        93.81,
        79.77,
        62.17,
        94.75,
        79.12,
        83.31,
        63.68,
        60.71,
        75.21,
        75.12,
    ),
}
STRUCTURAL_5 = {
    "Luc et al., base": 71.79,
    "Luc et al., LargeFOV": 72.04,
    "CE": 74.83,
    "BCE": 75.24,
    **dict(zip(("CE + CRF-1", "CE + CRF-2", "CE + CRF-5"), (75.65, 75.00, 73.58), strict=True)),
    "affinity": 75.29,
    **dict(zip(("SSL(11)", "SSL(7)", "SSL(3)"), (75.89, 76.08, 76.76), strict=True)),
}
STRUCTURAL_6 = {
    "CE": 73.73,
    "BCE": 73.58,
    **dict(
        zip(
            ("SSL(11)", "SSL(9)", "SSL(7)", "SSL(5)", "SSL(3)"),
            (74.52, 74.29, 74.26, 74.27, 75.12),
            strict=True,
        )
    ),
}
CONSERVATIVE_1: Rows = {
    "NoAdapt [15], DilatedNet": (21.1,),
    "FCNWild [15], DilatedNet": (27.1, 6.0),
    "NoAdapt [14], FCN8s": (22.3,),
    "CDA [14], FCN8s": (28.9, 6.6),
    "Tsai et al., FCN8s": (35.0,),
    "Ours-NoAdapt, FCN8s": (30.0,),
    "Ours, FCN8s": (38.1, 8.1),
}
CONSERVATIVE_2: Rows = {
    "NoAdapt [15], DilatedNet": (17.4,),
    "FCNWild [15], DilatedNet": (20.2, 2.8),
    "NoAdapt [14], FCN8s": (22.0,),
    "CDA [14], FCN8s": (29.0, 7.0),
    "Tsai et al., FCN8s": (37.6,),
    "Ours-NoAdapt, FCN8s": (24.9,),
    "Ours, FCN8s": (34.2, 9.3, 40.3),
}
CONSERVATIVE_3 = {"FCN8s+CE": 30.0, "FCN8s+GAN+CE": 34.4, "FCN8s+GAN+CL": 38.1}
CONSERVATIVE_4 = {
    **dict(zip((f"a={a}, lambda=5" for a in (2, "e", 3, 4)), (37.5, 38.1, 37.3, 36.8), strict=True)),
    **dict(zip((f"a=e, lambda={value}" for value in (1, 5, 10, 20)), (37.2, 38.1, 37.9, 37.8), strict=True)),
}
CONSERVATIVE_5 = {"[14]": 28.9, "CL, cold start": 35.2, "CL, warm start": 38.1}
CONSERVATIVE_6 = {"CE": 34.4, "FL": 35.8, "Loss1": 36.5, "Loss2": 36.7, "Loss3": 37.8, "CL": 38.1}
GTA5 = {
    "source only": 36.9,
    "MinEnt, their own": 42.2,
    "MaxSquare": 44.3,
    "MaxSquare+IW": 45.2,
    "MaxSquare+IW+Multi": 46.4,
    "AdaptSegNet [28]": 42.4,
    "MinEnt [31]": 42.3,
    "AdvEnt+MinEnt [31]": 44.8,
    "CBST [36], wider ResNet-38": 45.2,
    "CBST-SP [36], wider ResNet-38": 46.2,
}
GTA5_OF_MULTI = {
    "road": 89.4,
    "sidewalk": 43.0,
    "building": 82.1,
    "wall": 30.5,
    "fence": 21.3,
    "pole": 30.3,
    "light": 34.7,
    "sign": 24.0,
    "vegetation": 85.3,
    "terrain": 39.4,
    "sky": 78.2,
    "person": 63.0,
    "rider": 22.9,
    "car": 84.6,
    "truck": 36.4,
    "bus": 43.0,
    "train": 5.5,
    "motorcycle": 34.7,
    "bicycle": 33.5,
}
SYNTHIA: Rows = {
    "source only": (30.1, 34.3),
    "MinEnt, their own": (38.0, 44.5),
    "MaxSquare": (39.3, 45.8),
    "MaxSquare+IW": (40.4, 46.9),
    "MaxSquare+IW+Multi": (41.4, 48.2),
}
CROSS_CITY: Rows = {
    "Rome": (51.0, 53.9, 54.5),
    "Rio": (48.9, 52.0, 53.3),
    "Tokyo": (47.8, 49.7, 50.5),
    "Taipei": (46.3, 49.8, 50.6),
}
"""Source only, maximum squares, and with image-wise weights."""
OFFICE_31: Rows = {
    "ResNet-50": (68.4, 96.7, 99.3, 68.9, 62.5, 60.7, 76.1),
    "EntMin": (89.0, 99.0, 100.0, 86.3, 67.5, 63.0, 84.1),
    "MaxSquare": (92.4, 99.1, 100.0, 90.0, 68.1, 64.2, 85.6),
}
"""A-W, D-W, W-D, A-D, D-A, W-A, average."""
