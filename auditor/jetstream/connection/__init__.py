"""Connects to NATS: protocol, login, requests, and the texts of errors.

Modules that use JetStream do not belong here.
"""
