"""The papers' tables, one command each: `python -m experiments.reproduce --list`."""
