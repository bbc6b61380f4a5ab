"""What a run shows: `report.html`, one file that opens offline, and `summary.json`."""

from cutouts.report.contents import Refusal, Report, RunSummary, TruthRow
from cutouts.report.page import write_report
from cutouts.report.summary import write_summary

__all__ = ["Refusal", "Report", "RunSummary", "TruthRow", "write_report", "write_summary"]
