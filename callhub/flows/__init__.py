"""What happens, pure: every operation of a hub as a generator that yields effects."""
