"""What stands behind the DAGs."""
