"""Backups of a log: its records as they stand, in a folder, verified by the readers' own rule, and put back."""
