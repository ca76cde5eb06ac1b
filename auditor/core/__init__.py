"""Computes findings and reports from messages. No I/O, clock or logging.

Command lines, exit codes and everything that waits for a server belong elsewhere.
"""
