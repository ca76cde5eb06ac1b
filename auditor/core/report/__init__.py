"""From the state of an audit to its findings, its verdict and its report.

Nothing that is saved between passes belongs here.
"""
