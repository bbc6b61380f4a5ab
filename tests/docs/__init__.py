"""What README.md, CHANGELOG.md and pipeline/DESIGN.md say, held against the code."""
