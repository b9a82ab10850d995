"""AICaller as a callhub provider."""

from callhub_aicaller.provider import AICaller

__all__ = ["AICaller"]
