"""Makes the findings, the verdict and the report from the state of an audit.

Nothing that is saved between passes belongs here.
"""
