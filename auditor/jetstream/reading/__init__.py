"""Reads the messages of a stream in order, completely, and without writing to it."""
