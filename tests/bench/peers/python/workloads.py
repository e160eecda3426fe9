"""The workloads, as somebody would write them in Python. One module, one handler each."""

import json
import os


def hello(event, context):
    return {"message": f"Hello, {event['name']}!"}


def answer(status, body):
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }


def apigw(event, context):
    if event["requestContext"]["http"]["method"] != "POST":
        return answer(405, {"error": "only POST"})
    order = json.loads(event["body"])
    if not isinstance(order.get("lines"), list) or not order["lines"]:
        return answer(400, {"error": "no lines"})
    net = 0
    billed = []
    for line in order["lines"]:
        if line["quantity"] <= 0:
            return answer(400, {"error": f"quantity of {line['sku']}"})
        amount = line["price_cents"] * line["quantity"]
        if line["quantity"] >= 10:
            amount = amount * 95 // 100
        net += amount
        billed.append({"sku": line["sku"], "amount": amount})
    vat = net * 19 // 100
    return answer(
        200,
        {
            "order": event["requestContext"]["requestId"],
            "lines": billed,
            "net": net,
            "vat": vat,
            "total": net + vat,
        },
    )


def transform(event, context):
    rows = [
        {"id": record["id"], "region": record["region"], "net": record["amount"] * record["quantity"]}
        for record in event["records"]
        if record["active"] and record["amount"] > 10
    ]
    groups = {}
    for row in rows:
        group = groups.setdefault(row["region"], {"count": 0, "total": 0})
        group["count"] += 1
        group["total"] += row["net"]
    return {
        "groups": groups,
        "rows": [{"id": row["id"], "net": row["net"]} for row in rows],
        "total": sum(row["net"] for row in rows),
    }


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def cpu(event, context):
    mixed = 0
    for step in range(event["steps"]):
        mixed = (mixed * 31 + step) % 1000003
    return {"fib": fib(event["n"]), "mixed": mixed}


def big(event, context):
    return event


handler = globals()[os.environ["WORKLOAD"]]
