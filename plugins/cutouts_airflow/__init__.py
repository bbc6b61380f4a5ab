"""All code that uses Airflow: settings, assets, task bodies, and the commands that start Airflow on this machine."""
