"""Places outside the database that the heads of its history are written to."""
