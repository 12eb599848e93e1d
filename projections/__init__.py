"""Read models: what each shows, how events change it, and the engine that keeps them."""
