"""The state stream: saves and loads checkpoints, the audit history and acceptances."""
