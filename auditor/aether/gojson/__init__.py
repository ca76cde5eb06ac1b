"""JSON as Go's encoding/json reads and writes it, for Aether's events and snapshots.

Nothing that knows of streams, audits or findings belongs here.
"""
