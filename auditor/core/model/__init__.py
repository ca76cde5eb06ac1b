"""Values that steps pass on: messages, findings, ranges, counts.

State that changes with each message does not belong here. It belongs in core.state.
"""
