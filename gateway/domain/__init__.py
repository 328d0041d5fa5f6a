"""What a payment is and what may follow what: pure values and tables, without clock, identifier or I/O."""
