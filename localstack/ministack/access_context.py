"""What requests to S3 tell IAM, where MiniStack is started with AUTH=true and leaves it out.

MiniStack evaluates policies, but of the condition keys of writes it knows only those of ACLs and encryption; without the
others a policy that demands a lock or If-None-Match demands nothing. Nor does it ask for the rights that a put with a
lock needs besides s3:PutObject. What for: ../README.md.
"""

import contextvars
import math
from datetime import datetime, timezone
from xml.etree import ElementTree

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam

HEADERS = {
    "if-none-match": "s3:if-none-match",
    "if-match": "s3:if-match",
    "x-amz-object-lock-mode": "s3:object-lock-mode",
    "x-amz-object-lock-retain-until-date": "s3:object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
    "x-amz-object-lock-event-hold": "s3:object-lock-event-hold",
}
BODIES = {
    "s3:PutObjectRetention": {
        "Mode": "s3:object-lock-mode",
        "RetainUntilDate": "s3:object-lock-retain-until-date",
        "EventHold": "s3:object-lock-event-hold",
    },
    "s3:PutObjectLegalHold": {"Status": "s3:object-lock-legal-hold"},
}
# Rights that a put needs besides s3:PutObject for what its headers ask for.
NEEDED_TOO = {
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
    "x-amz-tagging": "s3:PutObjectTagging",
}
headers_of_put = contextvars.ContextVar("headers_of_put", default={})


def fill_access_context():
    given, resolve = iam_actions.s3_service_context, iam_evaluator._resolve_condition_key

    def s3_service_context(iam_action, query_params, path="", headers=None):
        context = dict(given(iam_action, query_params, path, headers))
        if iam_action == "s3:PutObject":
            context.update({key: headers[name] for name, key in HEADERS.items() if (headers or {}).get(name)})
            parts = "uploads" in (query_params or {}) or "partNumber" in (query_params or {})
            context["s3:ObjectCreationOperation"] = "false" if parts else "true"
        context.update(from_body(BODIES.get(iam_action, {})))
        return with_remaining_days(context)

    def resolve_condition_key(key, ctx):
        if key.lower() == "aws:principalarn" and ":assumed-role/" in ctx.principal_arn:
            name = iam_evaluator._role_name_from_assumed_arn(ctx.principal_arn)
            return iam._roles.get_scoped(ctx.principal_account, None, name)["Arn"]
        return resolve(key, ctx)

    given_checks, enforce = iam_actions.s3_additional_checks, iam_evaluator.enforce

    def s3_additional_checks(method, path, headers, body, query_params):
        checks = given_checks(method, path, headers, body, query_params)
        if iam_actions._s3_action(method, path, query_params) != "PutObject":
            return checks
        headers_of_put.set(headers)
        arn = f"arn:aws:s3:::{path.strip('/')}"
        return checks + [(action, arn) for name, action in NEEDED_TOO.items() if headers.get(name)]

    def enforce_with_headers(access_key_id, iam_action, *args, service_context=None, **kwargs):
        if iam_action in NEEDED_TOO.values() and not service_context:
            put = headers_of_put.get()
            service_context = with_remaining_days({key: put[name] for name, key in HEADERS.items() if put.get(name)})
        return enforce(access_key_id, iam_action, *args, service_context=service_context, **kwargs)

    iam_actions.s3_additional_checks = s3_additional_checks
    iam_evaluator.enforce = enforce_with_headers
    iam_actions.s3_service_context = s3_service_context
    iam_evaluator._resolve_condition_key = resolve_condition_key


def with_remaining_days(context):
    until = context.get("s3:object-lock-retain-until-date")
    return {**context, "s3:object-lock-remaining-retention-days": str(days_until(until))} if until else context


def from_body(keys):
    request = iam_evaluator._signed_request.get()
    if not keys or request is None or not request.body:
        return {}
    elements = {element.tag.rpartition("}")[2]: element.text for element in ElementTree.fromstring(request.body).iter()}
    return {key: elements[name] for name, key in keys.items() if elements.get(name)}


def days_until(text):
    until = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return math.ceil((until - datetime.now(timezone.utc)).total_seconds() / 86_400)
