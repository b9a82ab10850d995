"""ErzyCall as a callhub provider."""

from callhub_erzycall.provider import ErzyCall

__all__ = ["ErzyCall"]
