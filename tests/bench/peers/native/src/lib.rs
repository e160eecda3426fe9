//! The workloads, as somebody would write them in Rust.

use std::collections::BTreeMap;

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};

/// Calls the workload that `_HANDLER` names: `hello.handler`.
pub async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let handler = std::env::var("_HANDLER")?;
    match handler.split('.').next().unwrap_or_default() {
        "hello" => hello(&event.payload),
        "apigw" => apigw(&event.payload),
        "transform" => transform(&event.payload),
        "cpu" => cpu(&event.payload),
        "big" => Ok(event.payload),
        other => Err(format!("no workload `{other}`").into()),
    }
}

fn hello(event: &Value) -> Result<Value, Error> {
    let name = event["name"].as_str().ok_or("no name")?;
    Ok(json!({ "message": format!("Hello, {name}!") }))
}

fn apigw(event: &Value) -> Result<Value, Error> {
    let answer = |status: u16, body: Value| {
        json!({
            "statusCode": status,
            "headers": { "content-type": "application/json" },
            "body": body.to_string(),
        })
    };
    if event["requestContext"]["http"]["method"] != "POST" {
        return Ok(answer(405, json!({ "error": "only POST" })));
    }
    let order: Value = serde_json::from_str(event["body"].as_str().unwrap_or_default())?;
    let Some(lines) = order["lines"].as_array().filter(|lines| !lines.is_empty()) else {
        return Ok(answer(400, json!({ "error": "no lines" })));
    };
    let mut net = 0;
    let mut billed = Vec::with_capacity(lines.len());
    for line in lines {
        let quantity = line["quantity"].as_i64().ok_or("no quantity")?;
        if quantity <= 0 {
            return Ok(answer(400, json!({ "error": format!("quantity of {}", line["sku"]) })));
        }
        let mut amount = line["price_cents"].as_i64().ok_or("no price")? * quantity;
        if quantity >= 10 {
            amount = amount * 95 / 100;
        }
        net += amount;
        billed.push(json!({ "sku": line["sku"], "amount": amount }));
    }
    let vat = net * 19 / 100;
    let body = json!({
        "order": event["requestContext"]["requestId"],
        "lines": billed,
        "net": net,
        "vat": vat,
        "total": net + vat,
    });
    Ok(answer(200, body))
}

fn transform(event: &Value) -> Result<Value, Error> {
    let records = event["records"].as_array().ok_or("no records")?;
    let mut groups: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut total = 0;
    for record in records {
        let amount = record["amount"].as_i64().ok_or("no amount")?;
        if record["active"] != true || amount <= 10 {
            continue;
        }
        let net = amount * record["quantity"].as_i64().ok_or("no quantity")?;
        total += net;
        let group = groups.entry(record["region"].as_str().ok_or("no region")?).or_default();
        *group = (group.0 + 1, group.1 + net);
        rows.push(json!({ "id": record["id"], "net": net }));
    }
    let groups: BTreeMap<&str, Value> = groups
        .into_iter()
        .map(|(region, (count, total))| (region, json!({ "count": count, "total": total })))
        .collect();
    Ok(json!({ "groups": groups, "rows": rows, "total": total }))
}

fn cpu(event: &Value) -> Result<Value, Error> {
    fn fib(n: i64) -> i64 {
        if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
    }
    let steps = event["steps"].as_i64().ok_or("no steps")?;
    let mixed = (0..steps).fold(0, |mixed, step| (mixed * 31 + step) % 1_000_003);
    Ok(json!({ "fib": fib(event["n"].as_i64().ok_or("no n")?), "mixed": mixed }))
}
