"""The dossier: its aggregate, its states, and by phase its events with their handlers."""
