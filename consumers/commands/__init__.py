"""The application service: from a command to its outcome, whatever the log and the way in."""
