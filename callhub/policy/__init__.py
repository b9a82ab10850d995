"""Who and when, pure: what may go out, through whom, and what an answer proves."""
