"""Reads the messages of a stream, in order and completely. Nothing here writes to a stream."""
