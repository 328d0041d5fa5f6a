"""Valid messages of every type, made from plainly invented parts: who, what and how vary with a number alone."""
