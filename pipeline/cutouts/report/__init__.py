"""What a run shows: `report.html`, one file that opens offline, and `summary.json`."""

from cutouts.report.contents import Refusal, Report, RunSummary, TruthRow
from cutouts.report.folder.summary import write_summary
from cutouts.report.page.report_page import write_report

__all__ = ["Refusal", "Report", "RunSummary", "TruthRow", "write_report", "write_summary"]
