"""Values that the steps of a pass hand on: messages, findings, ranges, counts.

Nothing that changes from message to message belongs here.
"""
