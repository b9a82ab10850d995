"""What is said: calls, contacts, scripts, and which status may follow which."""
