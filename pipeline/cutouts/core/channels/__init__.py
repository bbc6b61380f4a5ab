"""Channels: the rules of market places as dated data, and the figures of a finished file that they judge."""
