"""Stores of the read models."""
