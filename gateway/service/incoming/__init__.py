"""Receiving: what the rail brings is made durable, the institution is asked, and the rail has its answer in time."""
