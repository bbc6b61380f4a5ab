"""Cuts single images over HTTP: `cutouts serve`.

One process talks to clients and never touches a pixel. Worker processes of its own cut the images, each with one model
session, so a codec that crashes ends a worker and not the server. FastAPI and uvicorn come with the extra `serve`.
"""
