//! What is encoded is decoded once behind every front of HTTP, and one bad escape changes nothing else.

use rhambda_tests::fronts::{Asked, Front};
use rhambda_tests::{Function, repository};
use serde_json::{Value, json};

fn sample(name: &str) -> Value {
    let path = repository().join("layer/samples/own").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    serde_json::from_str(&text).expect("JSON")
}

/// What a handler answers to each event, in one environment.
fn answers(script: &str, events: &[Value]) -> Vec<Value> {
    let mut function = Function::of(script);
    for event in events {
        function = function.event(event.to_string());
    }
    let mut run = function.run();
    let answer = |_| {
        let response: Value = serde_json::from_str(&run.response()).expect("JSON");
        // Behind HTTP it is wrapped.
        match (response["statusCode"].as_u64(), response["body"].as_str()) {
            (Some(200), Some(body)) => serde_json::from_str(body).expect("JSON in the body"),
            _ => response,
        }
    };
    events.iter().map(answer).collect()
}

fn answer(script: &str, event: &Value) -> Value {
    answers(script, std::slice::from_ref(event)).remove(0)
}

/// The events that fronts send for a request, and one of VPC Lattice.
fn through_all(target: &'static str) -> Vec<Value> {
    let mut events: Vec<Value> =
        Front::ALL.iter().map(|front| front.event(&Asked::new("GET", target))).collect();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut lattice = sample("vpc-lattice-encoded");
    lattice["path"] = json!(if query.is_empty() { path } else { target });
    events.push(lattice);
    let lattice = json!({ "raw_path": target, "method": "GET", "headers": { "host": "h" },
        "query_string_parameters": {}, "body": "", "is_base64_encoded": false });
    events.push(lattice);
    events
}

const ROUTED: &str = "router::get(\"/coupons/{code}\", |request| #{ code: request.params.code,
        path: request.path });
    router::get(\"/files/{path+}\", |request| #{ path: request.params.path });
    router::get(\"/caf\u{e9}/{x}\", |request| #{ x: request.params.x });
    fn handler(event, context) { router::serve(event, context) }";

#[test]
fn a_path_is_decoded_once_behind_every_front() {
    for (target, expected) in [
        ("/coupons/50%2525off", json!({ "code": "50%25off", "path": "/coupons/50%2525off" })),
        ("/coupons/a%20b%2Bc+d", json!({ "code": "a b+c+d" })),
        ("/coupons/%252e%252e%252f", json!({ "code": "%2e%2e%2f" })),
        ("/coupons/gr%C3%BCn", json!({ "code": "grün", "path": "/coupons/gr%C3%BCn" })),
        ("/coupons/50%25", json!({ "code": "50%" })),
        ("/caf%C3%A9/1", json!({ "x": "1" })),
        ("/files/a%20b/c%3Fd%23e", json!({ "path": "a b/c?d#e" })),
    ] {
        for (index, answer) in answers(ROUTED, &through_all(target)).iter().enumerate() {
            for (name, value) in expected.as_object().expect("a map") {
                assert_eq!(&answer[name], value, "front {index} of {target}: {answer}");
            }
        }
    }
}

#[test]
fn one_bad_escape_of_a_path_changes_nothing_else() {
    // An HTTP API refuses them, or replaces what is no UTF-8 by itself.
    for (target, expected) in [
        ("/coupons/caf%E9%20au%20lait", "caf\u{fffd} au lait"),
        ("/coupons/%zz%20%41", "%zz A"),
        ("/coupons/50%off%20%26", "50%off &"),
        ("/coupons/100%", "100%"),
    ] {
        let fronts = [Front::Rest, Front::Url, Front::Alb, Front::AlbWithMany];
        let events: Vec<Value> =
            fronts.iter().map(|front| front.event(&Asked::new("GET", target))).collect();
        for answer in answers(ROUTED, &events) {
            assert_eq!(answer["code"], expected, "{target}");
        }
    }
}

#[test]
fn the_path_parameters_of_a_rest_api_are_decoded_as_those_of_an_http_api() {
    let script = "fn handler(event) { events::request(event).params }";
    let mut rest = Front::Rest.event(&Asked::new("GET", "/a%2520b/%C3%BC"));
    rest["pathParameters"] = json!({ "proxy": "a%2520b/%C3%BC", "bad": "%zz%20" });
    let mut http = Front::Http.event(&Asked::new("GET", "/a%2520b/%C3%BC"));
    http["pathParameters"] = json!({ "proxy": "a%20b/ü" });
    let mut old_payload = rest.clone();
    old_payload["version"] = json!("1.0");
    old_payload["path"] = json!("/a%20b/ü");
    old_payload["pathParameters"] = json!({ "proxy": "a%20b/ü" });
    assert_eq!(
        json!(answers(script, &[rest, http, old_payload.clone()])),
        json!([{ "proxy": "a%20b/ü", "bad": "%zz " }, { "proxy": "a%20b/ü" }, { "proxy": "a%20b/ü" }])
    );
    let script = "fn handler(event) { #{ path: events::request(event).path } }";
    assert_eq!(answer(script, &old_payload)["path"], "/a%2520b/%C3%BC");
}

#[test]
fn one_bad_escape_of_a_query_changes_no_other_parameter() {
    let script = "fn handler(event) {
            let request = events::request(event);
            #{ tags: request.query_all(\"tag\"), query: request.query }
        }";
    for (target, name) in [
        ("/x?tag=1&tag=2&name=caf%E9", "caf\u{fffd}"),
        ("/x?tag=1&tag=2&name=50%off", "50%off"),
        ("/x?tag=1&name=%zz+%2B&tag=2", "%zz +"),
        ("/x?tag=1&tag=2&name=%", "%"),
    ] {
        let events = [
            Front::Http.event(&Asked::new("GET", target)),
            Front::Url.event(&Asked::new("GET", target)),
            Front::AlbWithMany.event(&Asked::new("GET", target)),
        ];
        for answer in answers(script, &events) {
            let expected =
                json!({ "tags": ["1", "2"], "query": { "tag": ["1", "2"], "name": name } });
            assert_eq!(answer, expected, "{target}");
        }
    }
}

#[test]
fn one_bad_escape_of_a_form_changes_no_other_field() {
    let form = Asked::new("POST", "/x")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("a=1&b=caf%E9&c=100%&d=x+y&a=2");
    let script = "fn handler(event) { events::request(event).form() }";
    for front in Front::ALL {
        let expected = json!({ "a": ["1", "2"], "b": "caf\u{fffd}", "c": "100%", "d": "x y" });
        assert_eq!(answer(script, &front.event(&form)), expected, "{front:?}");
    }
}

#[test]
fn a_body_that_is_not_the_base64_it_is_said_to_be_stays_and_is_noted() {
    let mut event = Front::Url.event(&Asked::new("POST", "/x").body("not base64!"));
    event["isBase64Encoded"] = json!(true);
    let script = "fn handler(event) {
            let request = events::request(event);
            [request.method, request.body, request.unreadable.body.contains(\"base64\")]
        }";
    assert_eq!(answer(script, &event), json!(["POST", "not base64!", true]));
}
