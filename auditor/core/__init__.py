"""The audit itself: messages in, findings, tallies and verdicts out. Pure: time and stream state are arguments.

No I/O, clock or logging belongs here, and nothing that knows of NATS, Prometheus, YAML or terminals.
"""
