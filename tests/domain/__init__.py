"""Tests of what the guidance says."""
