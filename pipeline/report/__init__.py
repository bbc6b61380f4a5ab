"""What a run shows: `report.html`, one file that opens offline, and `summary.json`."""

from pipeline.report.data import Refusal, Report, RunSummary, TruthRow
from pipeline.report.page import write_report
from pipeline.report.summary import write_summary

__all__ = ["Refusal", "Report", "RunSummary", "TruthRow", "write_report", "write_summary"]
