"""``fifteen drill crash``: kill anything, anywhere, under load, and count the money afterwards."""
