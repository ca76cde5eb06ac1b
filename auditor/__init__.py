"""aether-auditor: finds what replay of Aether's event streams would silently skip or misread.

Each room says at its door what belongs in it; nothing belongs here but the version.
"""

__version__ = "0.1.0"
