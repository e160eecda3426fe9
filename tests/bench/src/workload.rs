//! What is invoked, and what has to come back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// One kind of work.
pub struct Workload {
    /// Its name, and the stem of its scripts.
    pub name: &'static str,
    /// The event, as it is sent.
    pub event: Vec<u8>,
    /// The response, but for the order of keys and the text form of numbers and of a body.
    pub expected: Value,
    /// Warm invocations in one run.
    pub warm: usize,
}

/// All of them, in the order of the tables.
pub fn all() -> Vec<Workload> {
    let mut random = Random(7);
    vec![hello(), apigw(&mut random), transform(&mut random), cpu(), big()]
}

impl Workload {
    /// Whether a response is right.
    pub fn accepts(&self, response: &[u8]) -> bool {
        serde_json::from_slice::<Value>(response).is_ok_and(|mut response| {
            if let Some(body) = response.get_mut("body")
                && let Some(Ok(parsed)) = body.as_str().map(serde_json::from_str)
            {
                *body = parsed;
            }
            is_same(&response, &self.expected)
        })
    }
}

/// Whether two values are the same as JSON sees it, in which 1 and 1.0 are one number.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|o| is_same(one, o)))
        }
        (one, other) => one == other,
    }
}

fn hello() -> Workload {
    Workload {
        name: "hello",
        event: br#"{"name":"World"}"#.to_vec(),
        expected: json!({ "message": "Hello, World!" }),
        warm: 2000,
    }
}

/// An HTTP API event of 6 KB with an order of twenty lines.
fn apigw(random: &mut Random) -> Workload {
    let lines: Vec<Value> = (0..20)
        .map(|index| {
            json!({
                "sku": format!("SKU-{index:05}"),
                "price_cents": random.within(100, 9999),
                "quantity": random.within(1, 15),
                "title": format!("A fine thing, number {index}, wrapped with care in brown paper"),
            })
        })
        .collect();
    let (mut net, mut billed) = (0, Vec::new());
    for line in &lines {
        let quantity = line["quantity"].as_i64().unwrap_or(0);
        let mut amount = line["price_cents"].as_i64().unwrap_or(0) * quantity;
        if quantity >= 10 {
            amount = amount * 95 / 100;
        }
        net += amount;
        billed.push(json!({ "sku": line["sku"], "amount": amount }));
    }
    let headers: BTreeMap<String, String> = (0..24)
        .map(|index| (format!("x-header-{index}"), format!("value {index} {}", "v".repeat(60))))
        .collect();
    let event = json!({
        "version": "2.0",
        "routeKey": "POST /orders",
        "rawPath": "/orders",
        "rawQueryString": "source=web&campaign=autumn",
        "headers": headers,
        "queryStringParameters": { "source": "web", "campaign": "autumn" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.eu-central-1.amazonaws.com",
            "http": {
                "method": "POST",
                "path": "/orders",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "timeEpoch": 1_583_348_638_390_i64,
        },
        "body": json!({ "customer": "c-1", "lines": lines }).to_string(),
        "isBase64Encoded": false,
    });
    let vat = net * 19 / 100;
    let expected = json!({
        "statusCode": 200,
        "headers": { "content-type": "application/json" },
        "body": {
            "order": "JKJaXmPLvHcESHA=",
            "lines": billed,
            "net": net,
            "vat": vat,
            "total": net + vat,
        },
    });
    Workload { name: "apigw", event: event.to_string().into_bytes(), expected, warm: 1000 }
}

/// A thousand records, filtered, mapped, grouped and summed.
fn transform(random: &mut Random) -> Workload {
    let regions = ["eu", "us", "ap", "sa", "af"];
    let mut groups: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let (mut records, mut rows, mut total) = (Vec::new(), Vec::new(), 0);
    for index in 0..1000 {
        let id = format!("r{index:04}");
        let region = regions[random.within(0, 4) as usize];
        let is_active = random.within(0, 9) < 8;
        let (amount, quantity) = (random.within(1, 500), random.within(1, 9));
        if is_active && amount > 10 {
            let net = amount * quantity;
            let group = groups.entry(region).or_default();
            *group = (group.0 + 1, group.1 + net);
            total += net;
            rows.push(json!({ "id": id, "net": net }));
        }
        records.push(json!({
            "id": id,
            "region": region,
            "active": is_active,
            "amount": amount,
            "quantity": quantity,
            "note": "as ordered",
        }));
    }
    let groups: BTreeMap<&str, Value> = groups
        .into_iter()
        .map(|(region, (count, total))| (region, json!({ "count": count, "total": total })))
        .collect();
    Workload {
        name: "transform",
        event: json!({ "records": records }).to_string().into_bytes(),
        expected: json!({ "groups": groups, "rows": rows, "total": total }),
        warm: 150,
    }
}

/// Recursion and a loop, and nothing else.
fn cpu() -> Workload {
    let steps = 200_000_i64;
    let mixed = (0..steps).fold(0, |mixed, step| (mixed * 31 + step) % 1_000_003);
    Workload {
        name: "cpu",
        event: json!({ "n": 25, "steps": steps }).to_string().into_bytes(),
        expected: json!({ "fib": 75025, "mixed": mixed }),
        warm: 5,
    }
}

/// A megabyte that goes out as it came in.
fn big() -> Workload {
    let rows: Vec<Value> = (0..8000)
        .map(|index| {
            json!({
                "id": index,
                "name": format!("row {index}"),
                "price": f64::from(index) * 0.5,
                "in_stock": index % 3 == 0,
                "note": format!("what there is to say about row {index}, which is not very much"),
            })
        })
        .collect();
    let expected = json!({ "rows": rows });
    Workload { name: "big", event: expected.to_string().into_bytes(), expected, warm: 40 }
}

/// The same numbers in each run (Marsaglia's xorshift).
pub struct Random(pub u64);

impl Random {
    /// A number, both ends included.
    pub fn within(&mut self, from: i64, to: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        from + (self.0 % (to - from + 1).unsigned_abs()) as i64
    }
}
