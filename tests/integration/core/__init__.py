"""The institution's core: the contract of its port, in memory and over HTTP with the core simulator behind it."""
