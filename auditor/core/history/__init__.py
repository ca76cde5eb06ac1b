"""Keeps what outlasts a checkpoint: the identity of the stream, its incidents, and the baseline of findings."""
