"""What all read models share: applying, rebuilding, comparing, parking, verifying."""
