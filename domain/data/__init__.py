"""The project's own data: agencies, units and the departments that may apply, read as package data."""
