"""The quarantine stream: writes records of damaged messages, and reads them back."""
