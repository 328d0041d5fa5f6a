"""The rules' form with RTP's settings."""

from typing import TYPE_CHECKING

from iso20022.profiles.profile import ElementRule, Facts, Rule

if TYPE_CHECKING:  # the profile itself is made of the rules
    from iso20022.profiles.rtp import RtpProfile  # noqa: F401 # named in text below

RtpFacts = Facts["RtpProfile"]
"""What a rule of RTP's may look at."""


class RtpRule(Rule["RtpProfile"]):
    """A rule of RTP's; its text may name every setting of the profile."""

    __slots__ = ()


class RtpElementRule(ElementRule["RtpProfile"]):
    """A rule of RTP's about every element of a name."""

    __slots__ = ()
