"""The application: one table of routes, one middleware, every fault a problem document."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.http.answers import FAULT, NOT_WHOLE
from adapters.http.api import Api, Served, Takes
from adapters.http.authentication import ApiKeys, OperatorKeys
from adapters.http.bodies import leave_expectation
from adapters.http.conversations import ConversationApi
from adapters.http.dead_letters import DeadLetterDesk
from adapters.http.due import DueDesk
from adapters.http.freshness import freshness_headers, note_freshness
from adapters.http.headers import ANSWERED_IN, NOT_HOME
from adapters.http.held import HeldDesk
from adapters.http.incoming import IncomingTransfers
from adapters.http.operations import Operations
from adapters.http.operators import OperatorDesk
from adapters.http.payments import Payments
from adapters.http.posting_questions import PostingQuestionDesk
from adapters.http.problems import (
    INTERNAL_ERROR,
    LEASE_OVER,
    MAY_BE_ELSEWHERE,
    MESSAGES_EXPIRED,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    NOT_SERVING,
    OVERLOADED,
    SAFE_TO_REPEAT,
    UNAVAILABLE,
    ProblemError,
    problem_response,
)
from adapters.http.questions import QuestionList
from adapters.http.rail_operations import RailDesk
from adapters.http.receipts import ReceiptCloser
from adapters.http.return_requests import ReturnRequestDesk
from adapters.http.submissions import Submissions
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import ElsewhereError, LeaseOverError, NotServingError, RetentionOverError, UnavailableError

UNMATCHED: Final = "unmatched"
"""The route of requests for which there is none: what strangers ask for never becomes a label."""

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD: Final = "OTHER"


SUBMISSION_PATHS: Final = frozenset({"/v1/messages", "/v1/payments", "/v1/liquidity-transfers"})

ACTS_PREFIX: Final = "/v1/conversations/{conversation_id}/"
"""Whatever is posted below it is done in a conversation, in the region that it goes on in."""


def build_application(api: Api) -> web.Application:
    """Return the application; nothing runs until it is served (`adapters.http.serving`)."""
    application = web.Application(middlewares=[_edge(api)], client_max_size=api.limits.body_bytes_max)
    for method, path, handler in _routes(api):
        application.router.add_route(method, path, handler, expect_handler=leave_expectation)
        if method == "GET":
            application.router.add_route("HEAD", path, handler, expect_handler=leave_expectation)
    return application


def build_peer_application(api: Api) -> web.Application:
    """Return what is served to the other region's gateway alone: what it forwards, submissions and acts."""
    api = replace(api, takes=Takes.FORWARDED)
    application = web.Application(middlewares=[_edge(api)], client_max_size=api.limits.body_bytes_max)
    for method, path, handler in _routes(api):
        if method == "POST" and (path in SUBMISSION_PATHS or path.startswith(ACTS_PREFIX)):
            application.router.add_route(method, path, handler, expect_handler=leave_expectation)
    return application


def _routes(api: Api) -> list[tuple[str, str, Handler]]:
    keys = ApiKeys(store=api.store, clock=api.clock, limits=api.limits)
    submissions, payments, operations = Submissions(api, keys), Payments(api, keys), Operations(api)
    operator_keys = OperatorKeys(store=api.dead_letters.store, keys=keys)
    desk, dead_letters = OperatorDesk(api, operator_keys), DeadLetterDesk(api, operator_keys)
    held = HeldDesk(api, operator_keys)
    incoming, requests = IncomingTransfers(api, operator_keys), ReturnRequestDesk(api, operator_keys)
    talks = ConversationApi(api, keys, operator_keys)
    rails, receipts = RailDesk(api, operator_keys), ReceiptCloser(api, operator_keys)
    return [
        ("POST", "/v1/messages", submissions.post_message),
        ("POST", "/v1/payments", submissions.post_payment),
        ("POST", "/v1/liquidity-transfers", submissions.post_liquidity_transfer),
        ("GET", "/v1/payments", payments.find_payments),
        ("GET", "/v1/payments/{reference}", payments.get_payment),
        ("GET", "/v1/payments/{reference}/events", payments.get_events),
        ("GET", "/v1/payments/{reference}/messages", payments.get_messages),
        ("GET", "/v1/payments/{reference}/messages/{message_id}", payments.get_message),
        ("POST", "/v1/payments/{payment_id}/operator-actions", desk.post_action),
        ("GET", "/v1/operator/payments", desk.get_payments),
        ("GET", "/v1/held-payments", held.get_list),
        ("POST", "/v1/payments/{payment_id}/hold-decision", held.post_decision),
        ("GET", "/v1/dead-letters", dead_letters.get_list),
        ("GET", "/v1/dead-letters/{delivery_id}", dead_letters.get_one),
        ("POST", "/v1/dead-letters/{delivery_id}/redrive", dead_letters.post_redrive),
        ("POST", "/v1/dead-letters/{delivery_id}/discard", dead_letters.post_discard),
        ("GET", "/v1/incoming-transfers", incoming.get_list),
        ("GET", "/v1/incoming-transfers/{transfer_id}", incoming.get_one),
        ("GET", "/v1/incoming-transfers/{transfer_id}/events", incoming.get_events),
        ("GET", "/v1/incoming-transfers/{transfer_id}/returns", incoming.get_returns),
        ("GET", "/v1/incoming-transfers/{transfer_id}/messages", incoming.get_messages),
        ("GET", "/v1/incoming-transfers/{transfer_id}/messages/{message_id}", incoming.get_message),
        ("POST", "/v1/incoming-transfers/{transfer_id}/posting", incoming.post_posting),
        ("POST", "/v1/incoming-transfers/{transfer_id}/return", incoming.post_return),
        ("POST", "/v1/incoming-transfers/{transfer_id}/settlement", incoming.post_settlement),
        ("POST", "/v1/incoming-transfers/{transfer_id}/return-record", incoming.post_return_record),
        ("POST", "/v1/incoming-transfers/{transfer_id}/return-answer", requests.post_answer),
        ("POST", "/v1/payments/{payment_id}/return-request", requests.post_request),
        ("POST", "/v1/payments/{payment_id}/status-request", PostingQuestionDesk(api, operator_keys).post_question),
        ("GET", "/v1/return-requests", requests.get_list),
        ("GET", "/v1/due", DueDesk(api, operator_keys).get_list),
        ("POST", "/v1/requests-for-payment", talks.post_request),
        ("POST", "/v1/account-reports", talks.post_report),
        ("POST", "/v1/incoming-transfers/{transfer_id}/information-request", talks.post_question),
        ("GET", "/v1/conversations", talks.get_list),
        ("GET", "/v1/conversations/{conversation_id}", talks.get_one),
        ("GET", "/v1/conversations/{conversation_id}/events", talks.get_events),
        ("GET", "/v1/conversations/{conversation_id}/messages", talks.get_messages),
        ("GET", "/v1/conversations/{conversation_id}/messages/{message_id}", talks.get_message),
        ("POST", "/v1/conversations/{conversation_id}/answer", talks.post_answer),
        ("POST", "/v1/conversations/{conversation_id}/withdrawal", talks.post_withdrawal),
        ("POST", "/v1/conversations/{conversation_id}/information-request", talks.post_request_question),
        ("POST", "/v1/conversations/{conversation_id}/resend", talks.post_resend),
        ("POST", "/v1/conversations/{conversation_id}/status-request", talks.post_status_request),
        ("POST", "/v1/conversations/{conversation_id}/note", talks.post_note),
        ("GET", "/v1/rails/{rail}", rails.get_status),
        ("POST", "/v1/rails/{rail}/operations", rails.post_operation),
        ("GET", "/v1/rails/{rail}/operations/{operation_id}", rails.get_operation),
        ("GET", "/v1/rails/{rail}/questions", QuestionList(api, operator_keys).get_list),
        ("POST", "/v1/rails/{rail}/missing/{message_id}/close", rails.post_closing),
        ("POST", "/v1/rails/{rail}/missing-receipts/{message_id}/close", receipts.post_closing),
        ("GET", "/", operations.get_index),
        ("GET", "/healthz", operations.get_health),
        ("GET", "/readyz", operations.get_readiness),
        ("POST", "/synthetic", operations.post_synthetic),
        ("GET", "/metrics", operations.get_metrics),
        ("GET", "/openapi.json", operations.get_openapi),
        ("GET", "/problems", operations.get_problems),
        ("GET", "/problems/{code}", operations.get_problem),
    ]


def _edge(api: Api) -> Middleware:
    """Return the middleware: what a handler raises becomes a problem document, and every answer is recorded."""

    @web.middleware
    async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_s = api.clock.monotonic_s()
        note_freshness(api, request)
        try:
            response = await handler(request)
        except ProblemError as problem:
            response = _refused(api, request, problem)
        except NotServingError as error:
            response = _not_serving(api, request, error)
        except UnavailableError as error:
            response = _unavailable(api, request, error)
        except RetentionOverError as error:
            expired = ProblemError(MESSAGES_EXPIRED, f"They were archived in {error.name}, which is gone.")
            response = _problem(api, request, expired)
        except OverloadedError as error:
            response = _overloaded(api, request, error)
        except web.HTTPException as error:
            response = _of_router(api, request, error)
        except Exception as error:  # noqa: BLE001 - the edge of the process: one request fails, the others go on
            response = _fault(api, request, error)
        response.headers["Server"] = "fifteen"
        if api.region is not None:
            response.headers[ANSWERED_IN] = api.region
        response.headers.update(freshness_headers(request, status=response.status))
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        resource = request.match_info.route.resource
        api.record_request(
            Served(
                method=request.method if request.method in METHODS else OTHER_METHOD,
                route=UNMATCHED if resource is None else resource.canonical,
                status=response.status,
                duration_s=api.clock.monotonic_s() - started_s,
            )
        )
        return response

    return edge


def _refused(api: Api, request: web.Request, problem: ProblemError) -> web.Response:
    """Return the problem; 503 where it would say that something is not there, and that is not known."""
    if problem.kind in MAY_BE_ELSEWHERE and not api.is_whole():
        return _not_serving(api, request, NotServingError(f"{problem}, and {NOT_WHOLE}"))
    return _problem(api, request, problem)


def _problem(api: Api, request: web.Request, problem: ProblemError) -> web.Response:
    response = problem_response(problem, api.identifiers.new_uuid())
    if "Expect" in request.headers:
        response.force_close()  # the client may or may not send the body now: what follows could be either
    return response


def _unavailable(api: Api, request: web.Request, error: Exception) -> web.Response:
    api.report_fault(FAULT, error)
    why = LEASE_OVER if isinstance(error.__cause__, LeaseOverError) else "The store does not answer"
    detail = f"{why}."
    if request.method == "POST":
        detail = f"{why}; it is not known whether the payment was accepted. {SAFE_TO_REPEAT}"
    return _problem(api, request, ProblemError(UNAVAILABLE, detail, headers=_retry_after(api)))


def _not_serving(api: Api, request: web.Request, error: Exception) -> web.Response:
    """Return 503: this region holds no lease, or is not the payment's home; nothing was done."""
    api.report_fault(FAULT, error)
    why = LEASE_OVER if isinstance(error, LeaseOverError) else "This region cannot take it at the moment"
    headers = _retry_after(api) | ({NOT_HOME: "true"} if isinstance(error, ElsewhereError) else {})
    return _problem(api, request, ProblemError(NOT_SERVING, f"{why}; nothing was done.", headers=headers))


def _overloaded(api: Api, request: web.Request, error: OverloadedError) -> web.Response:
    """Return 503, quickly: no fault to report, and what is refused here must cost next to nothing."""
    detail = f"{error.shown}; nothing was done. {SAFE_TO_REPEAT}"
    return _problem(api, request, ProblemError(OVERLOADED, detail, headers=_retry_after(api)))


def _retry_after(api: Api) -> dict[str, str]:
    return {"Retry-After": str(api.limits.retry_after_s)}


def _of_router(api: Api, request: web.Request, error: web.HTTPException) -> web.Response:
    """Return what the router's own refusals become; any other HTTP exception is a fault of ours."""
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            refused = ProblemError(
                METHOD_NOT_ALLOWED, f"This address takes {allowed}.", headers={"Allow": error.headers["Allow"]}
            )
        case web.HTTPNotFound():
            refused = ProblemError(NOT_FOUND, "There is nothing at this address.")
        case _:
            return _fault(api, request, error)
    return _problem(api, request, refused)


def _fault(api: Api, request: web.Request, error: Exception) -> web.Response:
    """Return 500 that shows nothing of what failed; the log has it, under the instance that the client sees."""
    instance = api.identifiers.new_uuid()
    error.add_note(f"request {request.method} {request.rel_url.raw_path}, problem instance urn:uuid:{instance}")
    api.report_fault(FAULT, error)
    detail = "Something in the gateway failed; it has been reported."
    response = problem_response(ProblemError(INTERNAL_ERROR, detail), instance)
    response.force_close()
    return response
