"""Holds what an audit knows after it has read part of a stream, and encodes it to be saved.

Nothing that decides on a verdict belongs here.
"""
