"""One module for each command or group of commands; each has an ``app``."""
