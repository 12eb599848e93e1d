"""What follows from results: the recognition rule (I.1) and the support of Resolution 60/2022."""
