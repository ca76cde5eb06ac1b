"""One connection to NATS: its protocol, its login, and what its errors mean.

Nothing that knows of JetStream belongs here.
"""
