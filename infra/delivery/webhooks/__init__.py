"""Webhooks: who subscribed and what was delivered, the way there, and what it may not reach."""
