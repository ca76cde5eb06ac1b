"""Defines the values that the steps of a pass exchange: messages, findings, ranges and counts.

State that changes with each message does not belong here. It belongs in core.state.
"""
