"""Rails to test against, each a process of its own. They see messages (`iso20022`) and nothing of the gateway."""
