"""Processes that follow the log, one short file each."""
