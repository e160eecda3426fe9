//! What goes over the wire to AWS, beside what boto3 and botocore put there.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rhambda_tests::{Asked, Function, Server, answer, aws_client, output_of, repository};
use serde_json::Value;

/// Calls what it is told to, one after the other, and says what it was refused.
const CALLER: &str = r#"
fn plain(value) {
    if type_of(value) == "array" { return value.map(|item| plain(item)); }
    if type_of(value) != "map" { return value; }
    if "$blob" in value { return base64::decode(value["$blob"]); }
    if "$time" in value { return time::parse(value["$time"]); }
    let made = #{};
    for name in value.keys() { made[name] = plain(value[name]); }
    made
}
fn handler(event) {
    let said = [];
    for (one, number) in event.cases {
        let to = `${event.endpoint}/${event.first + number}`;
        try {
            if "request" in one {
                let request = plain(one.request);
                request.service = one.service;
                request.operation = one.operation;
                request.endpoint = to;
                aws::request(request);
            } else {
                aws::call(one.service, one.operation, plain(one.parameters), #{ endpoint: to, retries: 0 });
            }
        } catch (error) { said.push(`${one.service} ${one.operation}: ${error}`); }
    }
    said
}
"#;

fn aws_file(name: &str) -> PathBuf {
    repository().join("tests/aws").join(name)
}

/// A server that has an empty answer for everybody.
fn empty() -> Server {
    Server::saying(|asked| match asked.header("content-type") {
        kind if kind.starts_with("application/x-www-form-urlencoded") => {
            answer(200, &[("content-type", "text/xml")], "<R><RResult/></R>")
        }
        _ => answer(200, &[("content-type", "application/json")], "{}"),
    })
}

fn caller() -> Function {
    Function::of(CALLER)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
}

/// Sends these by a script, the first to `/FIRST`.
#[track_caller]
fn send(server: &Server, cases: &[Value], first: usize) {
    let event = serde_json::json!({ "cases": cases, "endpoint": server.url(), "first": first });
    let mut run = caller().event(event.to_string()).run();
    assert_eq!(run.response(), "[]");
}

/// Whether a text is a random identifier, which is another one each time.
fn is_identifier(text: &str) -> bool {
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

fn without_identifiers(value: &mut Value) {
    match value {
        Value::String(text) if is_identifier(text) => *text = "an identifier".into(),
        Value::Array(items) => items.iter_mut().for_each(without_identifiers),
        Value::Object(fields) => fields.values_mut().for_each(without_identifiers),
        _ => {}
    }
}

fn pairs(text: &str) -> Vec<String> {
    let mut pairs: Vec<String> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) if is_identifier(value) => format!("{name}=an identifier"),
            Some(_) => pair.to_owned(),
            None => format!("{pair}="),
        })
        .collect();
    pairs.sort();
    pairs
}

/// A request in the form in which two can be compared.
fn compared(asked: &Asked) -> String {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let kind = asked.header("content-type");
    let body = if kind.starts_with("application/x-www-form-urlencoded") {
        pairs(&asked.text()).join("\n")
    } else {
        match serde_json::from_slice::<Value>(&asked.body) {
            Ok(mut value) => {
                without_identifiers(&mut value);
                format!("{value:#}")
            }
            Err(_) => asked.body.escape_ascii().to_string(),
        }
    };
    let authorization = asked.header("authorization");
    // Whose, for when, which region and service; and what is signed.
    let signed: Vec<&str> = authorization.split(", ").collect();
    let credential = signed.first().map_or("", |it| it.trim());
    let names = signed.get(1).map_or("", |it| it.trim_start_matches("SignedHeaders="));
    let names: Vec<&str> = names
        .split(';')
        .filter(|name| !name.starts_with("amz-sdk-") && *name != "x-amzn-query-mode")
        .collect();
    let mut text = format!("{} {path} {}\n", asked.method, pairs(query).join("&"));
    for name in
        ["content-type", "x-amz-target", "x-amz-content-sha256", "x-amz-invocation-type", "range"]
    {
        text.push_str(&format!("{name}: {}\n", asked.header(name)));
    }
    format!("{text}{credential} {}\n{body}", names.join(";"))
}

#[test]
fn calls_are_the_requests_that_boto3_makes() {
    let home = tempfile::tempdir().expect("a folder");
    let Some(mut python) = aws_client("python", home.path()) else { return };
    let file = aws_file("requests.json");
    let text = fs::read_to_string(&file).expect("the calls");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let (ours, theirs) = (empty(), empty());
    let _ = output_of(python.arg(aws_file("requests.py")).arg(&file).arg(theirs.url()));
    for (index, some) in cases.chunks(20).enumerate() {
        send(&ours, some, index * 20);
    }
    let by_case = |server: &Server| -> BTreeMap<usize, Asked> {
        let number = |asked: &Asked| {
            let first = asked.target.split(['/', '?']).nth(1).and_then(|part| part.parse().ok());
            first.expect("the number of a case")
        };
        server.seen().into_iter().map(|asked| (number(&asked), asked)).collect()
    };
    let (ours, theirs) = (by_case(&ours), by_case(&theirs));
    let mut wrong = String::new();
    for (number, case) in cases.iter().enumerate() {
        let [ours, theirs] =
            [&ours, &theirs].map(|seen| seen.get(&number).map_or_else(String::new, compared));
        if ours != theirs || ours.is_empty() {
            let name = format!("{} {}", case["service"], case["operation"]);
            wrong.push_str(&format!("{number} {name}\nboto3:\n{theirs}\n\nrhambda:\n{ours}\n\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let services: std::collections::BTreeSet<&str> =
        cases.iter().filter_map(|case| case["service"].as_str()).collect();
    assert!(cases.len() >= 60 && services.len() >= 15, "{} {}", cases.len(), services.len());
}

#[test]
fn every_operation_of_the_query_services_is_flattened_as_botocore_does_it() {
    let home = tempfile::tempdir().expect("a folder");
    let Some(mut python) = aws_client("python", home.path()) else { return };
    let printed = output_of(python.arg(aws_file("forms.py")));
    let cases: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(cases.len() > 1500, "{} operations", cases.len());
    let server = empty();
    for (index, some) in cases.chunks(200).enumerate() {
        send(&server, some, index * 200);
    }
    let seen = server.seen();
    assert_eq!(seen.len(), cases.len());
    let mut wrong = Vec::new();
    for (case, asked) in cases.iter().zip(&seen) {
        let form = case["form"].as_object().expect("a form");
        let expected = form.iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let encoded = |text: &str| rhambda_runtime::aws::sigv4::encoded(text, false);
            format!("{}={}", encoded(name), encoded(&value).replace("%20", "+"))
        });
        let mut expected: Vec<String> = expected.collect();
        expected.sort();
        let found = pairs(&asked.text());
        if found != expected {
            let missing: Vec<_> =
                expected.iter().filter(|pair| !found.contains(pair)).take(5).collect();
            let more: Vec<_> =
                found.iter().filter(|pair| !expected.contains(pair)).take(5).collect();
            wrong.push(format!("{} {}: {missing:?} {more:?}", case["service"], case["operation"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
