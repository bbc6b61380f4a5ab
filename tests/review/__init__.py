"""Tests of the review pages without a server."""
