"""aether-auditor: finds what replay of Aether's event streams would silently skip or misread.

The docstring of each package says what belongs in it. Nothing belongs here but the version.
"""

__version__ = "0.1.0"
