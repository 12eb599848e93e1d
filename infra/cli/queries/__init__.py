"""Subcommands that answer questions."""
