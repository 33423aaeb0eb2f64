"""The commands: train, evaluate, predict, demo."""
