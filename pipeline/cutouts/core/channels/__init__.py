"""Channels: the rules of marketplaces as dated data, and the figures of a finished file that they judge."""
