"""A job exists once, a session at least once: intent, request, look-up, settlement."""
