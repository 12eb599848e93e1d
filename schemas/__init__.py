"""The released shapes of events, commands and decisions, and the codec that holds to them."""
