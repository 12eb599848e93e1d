"""Subcommands that submit a command of the procedure."""
