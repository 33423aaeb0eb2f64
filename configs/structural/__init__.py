"""Structural similarity loss (Zhao et al. 2019) on Pascal VOC and Cityscapes."""
