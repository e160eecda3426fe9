"""Sends the calls of a JSON file by boto3, the first to ENDPOINT/0, the second to ENDPOINT/1 and so on.

    requests.py FILE ENDPOINT
"""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ParamValidationError


def plain(value):
    """Blobs and moments as boto3 takes them."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        if "$blob" in value:
            return base64.b64decode(value["$blob"])
        if "$time" in value:
            return value["$time"]
        return {name: plain(item) for name, item in value.items()}
    return value


path, endpoint = sys.argv[1:]
config = Config(
    retries={"max_attempts": 0, "mode": "standard"},
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
)
with open(path) as file:
    cases = json.load(file)
for number, case in enumerate(cases):
    client = boto3.client(case["service"], endpoint_url=f"{endpoint}/{number}", config=config)
    try:
        client._make_api_call(case["operation"], plain(case["parameters"]))
    except ParamValidationError:
        raise
    except Exception:
        # What the server answers is nobody's answer, and botocore stumbles over it in many ways.
        pass
