"""What the commands do. They return values and print nothing.

Options, tables and exit codes belong in cli.
"""
