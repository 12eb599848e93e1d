"""Faults are injected, and what must hold is checked from the log itself. `make chaos` runs the long versions."""
