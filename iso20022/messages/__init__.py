"""The message types, one module each: a frozen value, ``parse`` and ``build``."""
