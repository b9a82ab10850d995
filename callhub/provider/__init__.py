"""The door for vendors: all that a plugin author must read."""
