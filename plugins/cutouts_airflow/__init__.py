"""The one door to Airflow: settings, assets, task bodies, and what starts Airflow on this machine."""
