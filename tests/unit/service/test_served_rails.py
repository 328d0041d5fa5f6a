"""The settings, made into rails: which are served, who each one's messages are from, and when it is asked again."""

from __future__ import annotations

from gateway.domain.doubt import Enquiry
from gateway.domain.payment import Rail
from gateway.rails import fednow_profile, served_rails
from gateway.settings import FedNowSettings, RtpSettings, Settings
from iso20022 import EnquiryAnswer, FedNowProfile
from iso20022.schemas import OUR_SCHEMAS
from simulators import fednow

RTP: RtpSettings = RtpSettings(
    url="http://127.0.0.1:8021", rail_clock_s=7, repeat_wait_s=9, repeats_max=2, further_reason_codes=("ZZ99",)
)


def test_a_rail_without_an_address_is_not_served() -> None:
    """FedNow has one by default, RTP has none."""
    assert list(served_rails(Settings())) == [Rail.FEDNOW]
    assert list(served_rails(Settings(rtp=RTP))) == [Rail.FEDNOW, Rail.RTP]
    assert list(served_rails(Settings(fednow=FedNowSettings(url=None), rtp=RTP))) == [Rail.RTP]


def test_what_fednows_codes_mean_is_set() -> None:
    """Neither list is public: what an institution knows of them is added, or said anew. Others keep the default."""
    told = FedNowSettings(
        further_reason_codes=("F111",),
        enquiry_codes=("E400=not_found", "E410 = in_process"),
        answer_refused_codes=("F222",),
    )

    by_default = fednow_profile(Settings(), OUR_SCHEMAS)
    profile = fednow_profile(Settings(fednow=told), OUR_SCHEMAS)

    assert by_default.enquiry_codes == FedNowProfile().enquiry_codes
    assert profile.enquiry_codes == {"E400": EnquiryAnswer.NOT_FOUND, "E410": EnquiryAnswer.IN_PROCESS}
    assert profile.status_reasons == FedNowProfile().status_reasons | {"F111", "F222"}
    simulated = fednow.RejectCodes()
    assert by_default.status_reasons >= {
        *(simulated.future_dated, simulated.liquidity_closed, simulated.receiver_signed_off),
        *(simulated.timed_out, simulated.over_limit, simulated.sender_profile),
        *(simulated.receiver_profile, simulated.not_enabled),
    }
    assert simulated.unknown not in by_default.status_reasons


def test_each_rail_has_its_own_times_and_is_asked_in_its_own_way() -> None:
    """A setting of one says nothing of the other."""
    rails = served_rails(Settings(rtp=RTP))

    assert (rails[Rail.FEDNOW].timing.rail_clock_s, rails[Rail.FEDNOW].timing.status_request_wait_s) == (20, 25)
    assert (rails[Rail.RTP].timing.rail_clock_s, rails[Rail.RTP].timing.status_request_wait_s) == (7, 9)
    assert rails[Rail.FEDNOW].doubt.enquiry is Enquiry.STATUS_REQUEST
    assert (rails[Rail.RTP].doubt.enquiry, rails[Rail.RTP].doubt.questions_max) == (Enquiry.REPEAT, 2)
