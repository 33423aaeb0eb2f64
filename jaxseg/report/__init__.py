"""Pictures, tables and the HTML report of runs.

>>> from jaxseg import labels, report
>>> report.legend(labels.CAMVID, present=[0, 3]).dtype
dtype('uint8')
"""

from jaxseg.report.page import write
from jaxseg.report.pictures import (
    annotated_overlay,
    error_map,
    legend,
    load_label_map,
    overlay,
    save_label_map,
)
from jaxseg.report.runs import Evaluation, Experiment, Pictures, Run, group, read_run, read_runs
from jaxseg.report.sheet import contact_sheet
from jaxseg.report.table import Row, Table, summary_table, tables
from jaxseg.report.weights import weight_counts, weight_courses, weight_histograms, weight_map

__all__ = [
    "Evaluation",
    "Experiment",
    "Pictures",
    "Row",
    "Run",
    "Table",
    "annotated_overlay",
    "contact_sheet",
    "error_map",
    "group",
    "legend",
    "load_label_map",
    "overlay",
    "read_run",
    "read_runs",
    "save_label_map",
    "summary_table",
    "tables",
    "weight_counts",
    "weight_courses",
    "weight_histograms",
    "weight_map",
    "write",
]
