"""The provincial council, with a history of its own (II.3)."""
