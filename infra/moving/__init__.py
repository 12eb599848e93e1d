"""Moving a log to another tape: as it stands, or into a new log with another number of partitions."""
