"""Acme as a callhub provider."""

from callhub_acme.provider import Acme

__all__ = ["Acme"]
