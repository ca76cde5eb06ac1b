"""Writes records of quarantined messages to the quarantine stream, and reads them."""
