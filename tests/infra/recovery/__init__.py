"""Tests of what leads out of a loss."""
