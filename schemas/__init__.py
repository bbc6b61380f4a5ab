"""What lies on disk: the Arrow schema of every table (`tables`) and the expectation suites (`expectations/*.json`)."""
