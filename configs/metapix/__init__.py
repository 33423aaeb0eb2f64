"""The rows of the MetaPix paper's tables."""
