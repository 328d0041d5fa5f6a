"""The package as an integrator gets it."""

import doctest
import subprocess
import sys

import iso20022
from iso20022 import LocalProtocolError, RemoteProtocolError, examine
from tests.unit.iso20022.samples import PROFILE, ROOT

FOREIGN = ("asyncio", "logging", "socket", "pyiso20022", "xsdata", "gateway", "adapters", "simulators")


def test_the_example_in_the_documentation_runs() -> None:
    """What the package's docstring shows is true."""
    result = doctest.testmod(iso20022)

    assert (result.failed, result.attempted > 5) == (0, True)


def test_everything_that_is_promised_is_there() -> None:
    """``__all__`` names what exists, once."""
    assert len(set(iso20022.__all__)) == len(iso20022.__all__)
    assert all(hasattr(iso20022, name) for name in iso20022.__all__)


def test_what_an_integrator_looks_for_is_in_the_package_itself() -> None:
    """Every value of every message, both profiles, and what mends, makes, compares, explains and repeats."""
    promised = set(iso20022.__all__)
    used = {"FedNowProfile", "RtpProfile", "Profile", "sample", "mended", "differences", "explained"}

    assert promised >= {kind.value_type.__name__ for kind in iso20022.MESSAGE_KINDS.values()}
    assert promised >= used | {"marked_as_duplicate", "examine", "explain", "read", "wrap", "unwrap"}


def test_the_package_brings_no_io_with_it() -> None:
    """Importing and using it loads neither an event loop nor a logger, nor anything of ours around it."""
    script = (
        "import sys, iso20022\n"
        "iso20022.examine(b'<a/>', profile=iso20022.FedNowProfile())\n"
        f"print(*[name for name in {FOREIGN} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == []


def test_the_two_kinds_of_protocol_error_tell_whose_fault_it_is() -> None:
    """Ours and theirs differ, and both state their findings without quoting values."""
    finding = examine(b"<a/>", profile=PROFILE).findings[0]

    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)
    assert str(RemoteProtocolError(finding, finding)) == "ENVELOPE_UNKNOWN at /a; ENVELOPE_UNKNOWN at /a"
