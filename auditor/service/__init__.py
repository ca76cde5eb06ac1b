"""Serves the status of the daemon over HTTP: metrics, health checks, JSON and a page.

Reading and judging a stream does not belong here. Scheduling of passes belongs in daemon.
"""
