"""Tests of the DAGs, run by Airflow itself."""
