"""The DAGs, run by Airflow itself."""
