"""Serves the status of the daemon over HTTP: metrics, health checks, JSON and a page.

Nothing that reads or judges a stream belongs here. What decides when passes run belongs in daemon.
"""
