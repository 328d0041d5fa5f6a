"""``python -m gateway.cli`` is ``fifteen``."""

from gateway.cli import main

main()
