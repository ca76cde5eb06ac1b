"""What an audit knows after it has read part of a stream, and how that is encoded to be saved.

Nothing that decides on a verdict belongs here.
"""
