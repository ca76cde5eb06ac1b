"""An embedded NATS server and a sample stream that is damaged on purpose, for a first look and for proofs.

Nothing that the auditor needs in production belongs here.
"""
