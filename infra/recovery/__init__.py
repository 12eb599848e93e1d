"""The way back after a loss: what an index or a backup holds beyond the log, and what leads out of each case."""
