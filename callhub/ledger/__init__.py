"""What is remembered: intents, attempts and calls, in SQLite."""
