"""The way to the institution's core: an implementation of `gateway.service.ports.Core`."""
