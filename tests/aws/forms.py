"""Prints a call of every operation that the query protocols have, with all its parameters, as botocore puts it
on the wire: one JSON object a line.

A blob is {"$blob": base64}, a moment {"$time": text}. Of recursive structures there are a few levels.
"""

import base64
import datetime
import json
import sys

import botocore.session
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
DEEPEST = 8

loader = botocore.session.Session().get_component("data_loader")


def example(shape, depth, number):
    """A value for botocore, and the same as JSON has it."""
    kind = shape.type_name
    if kind == "structure":
        pairs = {}
        if depth < DEEPEST:
            for name, member in shape.members.items():
                value = example(member, depth + 1, number)
                if value is not None:
                    pairs[name] = value
        if not pairs:
            return None
        return {name: it[0] for name, it in pairs.items()}, {name: it[1] for name, it in pairs.items()}
    if kind == "list":
        items = [example(shape.member, depth + 1, n) for n in (1, 2)] if depth < DEEPEST else []
        if None in items or not items:
            return None
        return [it[0] for it in items], [it[1] for it in items]
    if kind == "map":
        value = example(shape.value, depth + 1, number) if depth < DEEPEST else None
        if value is None:
            return None
        return {"k": value[0]}, {"k": value[1]}
    if kind == "blob":
        return b"\x00\xff?", {"$blob": base64.b64encode(b"\x00\xff?").decode()}
    if kind == "timestamp":
        return MOMENT, {"$time": "2026-01-02T03:04:05Z"}
    plain = {
        "boolean": number == 1,
        "integer": 7 * number,
        "long": 1 << 40,
        "float": 0.5,
        "double": 2.25,
    }.get(kind, f"a b&c={number}/\u00e9")
    return plain, plain


for name in loader.list_available_services("service-2"):
    model = ServiceModel(loader.load_service_model(name, "service-2"), name)
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    if "json" in protocols or not {"query", "ec2"} & set(protocols):
        continue
    protocol = "ec2" if "ec2" in protocols else "query"
    serializer = create_serializer(protocol, include_validation=False)
    for operation in model.operation_names:
        shape = model.operation_model(operation)
        value = example(shape.input_shape, 0, 1) if shape.input_shape else None
        theirs, ours = value or ({}, {})
        made = serializer.serialize_to_request(theirs, shape)
        json.dump({"service": name, "operation": operation, "parameters": ours, "form": made["body"]}, sys.stdout)
        print()
