"""One package for each outside thing; each implements ports of `gateway.service.ports`."""
