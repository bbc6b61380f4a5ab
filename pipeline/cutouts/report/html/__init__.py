"""Parts of a page that opens offline, also used by the contact sheets of the evaluation."""
