"""Tests of Dossier."""
