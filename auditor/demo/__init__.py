"""A sample stream that is damaged on purpose, and the writer of its events.

Nothing that the auditor needs in production belongs here.
"""
