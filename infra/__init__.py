"""Everything that touches the world, and the one place where all of it is put together."""
