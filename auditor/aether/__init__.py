"""What Aether writes and what its Go code accepts: decoding, encoding, naming. Pure: bytes in, values out.

No I/O, clock or logging belongs here, and nothing that knows of audits, findings or NATS connections.
"""
