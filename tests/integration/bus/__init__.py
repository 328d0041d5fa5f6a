"""The bus: one contract, and what is particular to each implementation and to the servers behind it."""
