"""Hands calls to boto3: a request a line on standard input, a reply a line on standard output."""

import datetime
import json
import sys

import boto3
import botocore.auth
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

clients = {}


def client_of(service, caller):
    """The client of a caller, made when it is first needed."""
    name = (service, caller["name"], caller["endpoint"])
    if name not in clients:
        attempts = caller.get("attempts")
        clients[name] = boto3.session.Session().client(
            service,
            region_name=caller["region"],
            endpoint_url=caller["endpoint"],
            aws_access_key_id=caller["accessKey"],
            aws_secret_access_key=caller["secretKey"],
            aws_session_token=caller.get("sessionToken"),
            config=Config(retries={"total_max_attempts": attempts}) if attempts else None,
        )
    return clients[name]


def set_clock(seconds):
    """Makes the signer's clock go ahead."""
    now = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *args, **kwargs: now(*args, **kwargs) + datetime.timedelta(seconds=seconds)
    return now


def call(request):
    client = client_of(request["service"], request["caller"])
    operation, members = request["operation"], request.get("input") or {}
    size = request.get("pageSize")
    if not size:
        return [getattr(client, xform_name(operation))(**members)]
    if client.can_paginate(xform_name(operation)):
        paginator = client.get_paginator(xform_name(operation))
        return list(paginator.paginate(**members, PaginationConfig={"PageSize": size}))
    pages, more = [], {}
    while True:
        pages.append(getattr(client, xform_name(operation))(**members, maxResults=size, **more))
        if "nextToken" not in pages[-1]:
            return pages
        more = {"nextToken": pages[-1]["nextToken"]}


def answer(request):
    seconds = request["caller"].get("clock", 0)
    right = set_clock(seconds) if seconds else None
    try:
        pages = call(request)
    except ClientError as e:
        metadata = e.response["ResponseMetadata"]
        kind = type(e).__name__
        return {
            "requestId": metadata.get("RequestId", ""),
            "error": {
                "name": e.response["Error"]["Code"],
                "type": kind,
                "status": metadata["HTTPStatusCode"],
                "message": e.response["Error"]["Message"],
                "shown": str(e),
            },
        }
    finally:
        if right:
            botocore.auth.get_current_datetime = right
    ids = [page.pop("ResponseMetadata").get("RequestId", "") for page in pages]
    return {"pages": pages, "requestId": ids[0]}


def plain(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    raise TypeError(f"{value!r} has no place in JSON")


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=plain), flush=True)
