"""Tests of the code behind the DAGs."""
