"""Real servers for development and tests, each started from a package and stopped when done."""
