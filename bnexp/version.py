"""The version, in one place: setup.cfg and every results folder read it here."""

__version__ = "0.1.0"
