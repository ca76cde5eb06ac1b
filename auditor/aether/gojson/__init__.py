"""Reads and writes the JSON of events and snapshots as Go's encoding/json does.

Streams, audits and findings do not belong here.
"""
