"""A stream with known damage, and the check that all of it is found.

The demo and the self-test use it. Nothing here reads an audited stream.
"""
