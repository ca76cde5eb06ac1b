"""Compares the copies of a replicated stream and decides which copy is damaged. Reading copies does not belong here."""
