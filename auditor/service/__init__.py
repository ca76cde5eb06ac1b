"""What surrounds the audit in a daemon, one outside library a file: schedule, metrics, HTTP, page.

Nothing that reads or judges a stream belongs here.
"""
