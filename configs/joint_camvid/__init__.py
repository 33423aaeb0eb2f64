"""Joint training on drawn streets and few images of CamVid, in the 11 classes of CamVid."""
