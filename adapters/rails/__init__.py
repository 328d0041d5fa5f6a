"""The ways to a rail and back: implementations of `gateway.service.ports.RailLink`."""
