"""The rules' form with FedNow's settings."""

from typing import TYPE_CHECKING

from iso20022.profiles.profile import Facts, Rule

if TYPE_CHECKING:  # the profile itself is made of the rules
    from iso20022.profiles.fednow import FedNowProfile  # noqa: F401 # named in text below

FedNowFacts = Facts["FedNowProfile"]
"""What a rule of FedNow's may look at."""


class FedNowRule(Rule["FedNowProfile"]):
    """A rule of FedNow's; its text may name every setting of the profile."""

    __slots__ = ()
