"""The processes: each takes something in, gives it to the domain or to projections, and answers. No technology here."""
