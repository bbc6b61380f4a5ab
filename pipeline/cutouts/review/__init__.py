"""The review pages: deliveries and their images, the worst first, and what a person decides about them.

They know no web server: each function takes a site and gives a page, a picture or a decision. Airflow's plugin serves
them.
"""
