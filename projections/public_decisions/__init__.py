"""The public decisions: the fold from events, its tables, the feed, the sequence that a subscriber checks."""
