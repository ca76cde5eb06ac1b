"""What the commands do; returns values, prints nothing.

Options, tables and exit codes belong in cli.
"""
