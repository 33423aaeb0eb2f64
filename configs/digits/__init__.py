"""Experiments on handwritten digits: labels of whole images."""
