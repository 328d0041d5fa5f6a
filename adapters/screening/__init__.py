"""Those who look at payments before money moves: lists of names and accounts, and services asked by webhook."""
