"""Intents, attempts and calls: the first schema, which is made, never upgraded to."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: ledgers of this version have their tables."""
