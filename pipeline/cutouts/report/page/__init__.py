"""`report.html`: what is shown, in what order, and drawn how."""
