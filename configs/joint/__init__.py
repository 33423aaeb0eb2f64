"""Joint training on drawn streets: labelled synthetic images and few labelled real ones."""
