"""Decides when passes run, and runs them.

What is served over HTTP belongs in service.
"""
