"""``fifteen bench``: how fast a whole installation is on this machine, and what a payment costs in CPU."""
