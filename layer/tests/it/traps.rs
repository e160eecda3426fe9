//! What `rhambda check` tells of the traps of the language, and what it leaves alone that looks alike.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::Desk;

/// Scripts in which one code is told, at the place behind `«`, and scripts in which it is not.
///
/// What has no function of its own is the body of a handler.
struct Trap {
    code: &'static str,
    told: &'static [&'static str],
    left: &'static [&'static str],
}

const TRAPS: &[Trap] = &[
    Trap {
        code: "in-place",
        told: &[
            "let n = event.name.«trim(); n",
            "return event.items.«sort();",
            "event.items.«reverse()",
            "print(event.name.«trim()); 1",
            "let a = [3, 1]; let b = a.«sort(); [a, b]",
            "event.items.map(|s| s.«trim())",
            "#{ items: event.items.«push(4) }",
            "event.name.«trim().len()",
            "if event.name.«replace(\"a\", \"b\") == \"b\" { 1 } else { 2 }",
            "let s = event.name; `${s.«make_upper()}!`",
            "let m = #{}; let n = m.«mixin(event); n",
            "let list = event.items; let n = «sort(list); n",
            "let a = event.items; let b = a.«for_each(|| print(this)); b",
            "let a = event.items; let b = a.«sort_by(|x, y| x.n.sign()); b",
            "fn handler(event) { clean(event.name) } fn clean(s) { return s.«trim(); }",
        ],
        left: &[
            "event.name.trim(); event.name",
            "let a = event.items; a.sort(); a",
            "let last = event.items.pop(); last",
            "let gone = event.map.remove(\"a\"); gone",
            "event.items.sort_by(\"price\")",
            "event.name.to_upper()",
            "let tool = #{ trim: || 5 }; tool.trim()",
            "event.items.for_each(|| this.n += 1); event.items",
            "fn handler(event) { let n = event.name.trim(); n } fn trim() { `${this}!` }",
            "fn handler(event) { add(event.items) } fn add(list) { list.push(1); list }",
            "let kept = event.items.filter(|x| { x.tags.push(1); x.tags.len() > 2 }); kept",
        ],
    },
    Trap {
        code: "dropped-value",
        told: &[
            "event.items.«map(|x| x * 2); event",
            "event.name.«to_upper(); event.name",
            "event.a «+ event.b; 1",
            "event.x «== 1; event",
            "if event.n == 1 { «#{ error: 1 } } 2",
            "«response::json(400, 1); 2",
            "event.items.«filter(|x| x.ok); event.items",
            "event.items.«len(); 1",
            "let f = |x| x; «|x| x + 1; f.call(1)",
            "for x in event.items { «[x] } 1",
            "«event.name; 1",
            "let n = event.n; «n; 1",
            "let n = event.name; «to_lower(n); n",
            "event.name.split(\",\").«sort(); event.name",
            "«crypto::equal(event.a, event.b); \"welcome\"",
            "if event.a { «`no` } else { «`yes` } 1",
            "fn handler(event) { «ok(event); 1 } fn ok(order) { if order.n < 1 { return false; } true }",
            "fn handler(event) { let a = []; «add(a, event.x); a } fn add(list, x) { list.push(x); }",
        ],
        left: &[
            "event.items.map(|x| x * 2)",
            "event.items.pop(); event.items.remove(0); event.items",
            "event.items.retain(|x| x.ok); event.items",
            "event.items.drain(|x| x.ok); event.items.splice(0, 1, []); event.items",
            "log::info(\"a\"); print(event); http::post(\"https://example.com/\", event); 1",
            "try { json::parse(event.body); parse_int(event.n); } catch { return 1; } 2",
            "let x = if event.n == 1 { #{ a: 1 } } else { #{ b: 1 } }; x",
            "event.name.to_upper(); // => \"A\"\n1",
            "let f = || 1; f.call(); 2",
            "switch event.a { 1 => #{ a: 1 }, _ => #{ b: 1 } }",
            "jwt::verify(event.token, \"s\"); schema::require(event, #{}); 1",
            "fn handler(event) { check(event); 1 } fn check(order) { if order.n < 1 { throw \"no\"; } true }",
            "fn handler(event) { send(event); 1 } fn send(order) { http::post(\"https://a.example/\", order).ok }",
            "if event.n == 1 { return #{ error: 1 }; } 2",
            "event.items.sort(); event.items.for_each(|i| print(i)); event.items",
            "let r = response::json(200, 1); r.header(\"a\", \"b\"); r.cookie(\"a\", \"b\"); r",
        ],
    },
    Trap {
        code: "lost-answer",
        told: &[
            "let a = #{}; «a.x = event.x;",
            "let a = 1; if event.x == a { return 1; } «a = 2;",
            "let «a = event.x;",
            "«if event.ok { #{ a: 1 } }",
            "let r = #{}; if event.a == 1 { «r.b = 1; } else { r.b = 2; }",
            "let r = #{}; if event.a == 1 { print(1); } else if event.a == 2 { «r.b = 2; }",
        ],
        left: &[
            "let a = #{}; a.x = event.x; a",
            "this.count = (this.count ?? 0) + 1;",
            "for x in event.items { print(x); }",
            "if event.ok { log::info(\"ok\"); }",
            "if event.ok { #{ a: 1 } } else { #{ b: 1 } }",
            "fn handler(event) { work(event); } fn work(event) { print(event); #{ ok: true } }",
            "fn handler(event) { 1 } fn other(a) { a.b = 1; let c = a; c.d = 2; }",
        ],
    },
    Trap {
        code: "own-root",
        told: &[
            "let a = event.a; a.«map(|x| a.len())",
            "event.items.«filter(|x| x.n > event.n)",
            "let m = event.m; m.keys().«map(|k| m[k])",
            "let s = event.s; s.split(\",\").«map(|x| s.len() + x.len())",
            "let a = event.a; let f = |x| a.len() + x; a.«map(f)",
            "let a = event.a; a.filter(|x| x > 1).«map(|x| x / a.len())",
        ],
        left: &[
            "let a = event.a; let n = a.len(); a.map(|x| x + n)",
            "let a = event.a; let b = a; a.map(|x| b.len() + x)",
            "let a = event.a; a.map(|a| a.len())",
            "let a = event.a; let b = event.b; a.map(|x| b.filter(|y| x == y))",
            "let items = event.items; let n = event.n; items.filter(|x| x.n > n)",
            "const N = 2; fn handler(event) { event.items.filter(|x| x.n > global::N) }",
        ],
    },
    Trap {
        code: "for-each-index",
        told: &[
            "event.items.for_each(|item| print(«item.name)); 1",
            "let sum = 0; event.items.for_each(|x| sum += «x.n); sum",
            "event.items.for_each(|x| { «x.seen = true; }); event.items",
            "[1].for_each(|x| print(«x[\"a\"])); 1",
        ],
        left: &[
            "event.items.for_each(|i| print(i)); 1",
            "event.items.for_each(|| print(this.name)); 1",
            "event.items.for_each(|i| this.index = i); event.items",
            "event.items.map(|item| item.name)",
            "event.items.for_each(|i| print(i.is_odd)); 1",
            "for item in event.items { print(item.name); } 1",
        ],
    },
    Trap {
        code: "closure-this",
        told: &[
            "event.items.«map(|x| x * this.rate)",
            "event.items.«filter(|x| x > this.min)",
            "event.items.«reduce(|a, x| a + x * this.rate, 0)",
            "event.items.«some(|x| [x].contains(this.id))",
        ],
        left: &[
            "event.items.map(|| this * 2)",
            "let shape = #{ a: 1, area: || this.a }; shape.area()",
            "let rate = this.rate; event.items.map(|x| x * rate)",
            "event.items.for_each(|i| this.n = i); event.items",
            "this.seen = event.items.map(|x| x.id); this.seen",
        ],
    },
    Trap {
        code: "same-method",
        told: &[
            "fn handler(event) { event.map.«remove(\"a\"); event.map } fn remove(id) { id }",
            "fn push(x) { this.items.«push(x); } fn handler(event) { event.push(1); event }",
            "fn handler(event) { event.name.«trim(); event.name } fn trim() { this + 1 }",
            "fn contains(x) { x > 1 } fn handler(event) { event.items.«contains(1) }",
        ],
        left: &[
            "fn handler(event) { remove(event.id) } fn remove(id) { id }",
            "fn int.len() { this } fn handler(event) { event.items.len() }",
            "fn enqueue(x) { this.items.push(x); } fn handler(event) { event.enqueue(1); event }",
            "fn handler(event) { event.map.remove(\"a\"); remove(1) } fn remove(id) { id }",
            "fn remove(map, id) { map.remove(id); map } fn handler(event) { remove(event, 1) }",
        ],
    },
    Trap {
        code: "changed-copy",
        told: &[
            "for x in event.items { «x.seen = true; } event.items",
            "fn handler(event) { let a = []; add(a); a } fn add(list) { «list.push(1); }",
            "fn handler(event) { mark(event); event } fn mark(order) { «order.done = true; print(order.id); }",
            "for x in event.items { «x.trim(); } event.items",
            "const LIST = []; fn handler(event) { «LIST.push(event); LIST }",
            "const ALL = #{ n: 0 }; fn handler(event) { «ALL.n += 1; ALL }",
            "event.items.for_each(|i, x| { «x.n = 1; }); event.items",
        ],
        left: &[
            "for x in event.items { x.seen = true; print(x); } 1",
            "let out = []; for x in event.items { x.n = 2; out.push(x); } out",
            "fn handler(event) { add(event.a) } fn add(list) { list.push(1); list }",
            "for x in event.items { x.n = 2; print(x.n); } 1",
            "for x in event.items { x.trim(); if x.len() == 0 { continue; } print(1); } 1",
            "fn handler(event) { event.mark(); event } fn mark() { this.done = true; }",
            "event.items.map(|x| { x.n = 2; x })",
            "let total = #{}; event.items.for_each(|| { total.n = 1; }); total",
            "const LIST = []; fn handler(event) { let list = LIST; list.push(event); list }",
            "for x in event.items { x.n = 2; let f = || x.n; print(f.call()); } 1",
        ],
    },
    Trap {
        code: "sort-order",
        told: &[
            "let a = event.items; a.sort(|a, b| a.price «- b.price); a",
            "let a = event.items; a.sort(|a, b| a.age «< b.age); a",
            "event.items.order_by(|x, y| y.price «- x.price)",
            "let a = event.items; a.sort(|x, y| x «- y); a",
            "let a = event.items; a.sort(|x, y| x[\"n\"] «> y[\"n\"]); a",
        ],
        left: &[
            "let a = event.items; a.sort(|a, b| (a.price - b.price).sign()); a",
            "let a = event.items; a.sort(|a, b| a.len() - b.len()); a",
            "event.items.sort_by(\"price\")",
            "let a = event.items; a.sort(); a",
            "event.items.map(|x| x.a - x.b)",
            "event.items.filter(|x| x.a < x.b)",
            "let a = event.items; a.sort(|x, y| if x.n < y.n { -1 } else { 1 }); a",
        ],
    },
    Trap {
        code: "whole-division",
        told: &[
            "event.a «/ event.b",
            "let done = event.done; let all = event.all; done «/ all * 100",
            "event.prices.sum() «/ event.prices.len()",
            "let total = 0; for x in event.items { total += x.price; } total «/ event.items.len()",
            "event.items.map(|x| x.price «/ x.count)",
        ],
        left: &[
            "event.a / 2",
            "event.a.to_float() / event.b",
            "1.0 * event.a / event.b",
            "let pages = event.n / event.size; if event.n % event.size > 0 { pages += 1; } pages",
            "let total = 0.0; for x in event.items { total += x.price; } total / event.items.len()",
            "fn handler(event) { half(event.a, event.b) } fn half(a, b) { a / b }",
        ],
    },
    Trap {
        code: "endless-range",
        told: &[
            "for i in 0«..event.n { print(i); } 1",
            "for i in 1«..=event.page.count { print(i); } 1",
            "let order = event.order; for i in 0«..order.n { print(i); } 1",
            "for x in event.items { for i in 0«..x.n { print(i); } } 1",
        ],
        left: &[
            "for i in 0..(event.n ?? 0) { print(i); } 1",
            "for i in 0..event.items.len() { print(i); } 1",
            "if event.n == () { return 1; } for i in 0..event.n { print(i); } 1",
            "if type_of(event.n) != \"i64\" { throw \"n\"; } for i in 0..event.n { print(i); } 1",
            "schema::require(event, #{ required: [\"n\"] }); for i in 0..event.n { print(i); } 1",
            "let n = event.n; if n > 0 { for i in 0..n { print(i); } } 1",
        ],
    },
    Trap {
        code: "not-iterable",
        told: &[
            "for i in «event.items.len() { print(i); } 1",
            "let n = 3; for i in «n { print(i); } 1",
            "for i in «event.items.index_of(1) { print(i); } 1",
            "let f = |x| x; for i in «f { print(i); } 1",
        ],
        left: &[
            "for i in 0..event.items.len() { print(i); } 1",
            "for i in event.n { print(i); } 1",
            "for c in event.name.to_upper() { print(c); } 1",
            "for i in range(0, 5) { print(i); } 1",
            "let n = 3; n = [1]; for i in n { print(i); } 1",
        ],
    },
    Trap {
        code: "not-a-bool",
        told: &[
            "if «event.items.len() { 1 } else { 2 }",
            "let n = 1; while «n { print(n); } 1",
            "let name = event.name.to_upper(); if !«name { return 1; } 2",
            "if event.ok && «event.items.len() { 1 } else { 2 }",
            "if «env::get(\"DEBUG\") { 1 } else { 2 }",
            "let list = event.items.map(|x| x); if «list { 1 } else { 2 }",
        ],
        left: &[
            "if event.items.len() > 0 { 1 } else { 2 }",
            "if event.ok { 1 } else { 2 }",
            "if !event.items.is_empty() { 1 } else { 2 }",
            "if event.items.contains(1) { 1 } else { 2 }",
            "loop { break; } 1",
            "if event.a && !event.b { 1 } else { 2 }",
        ],
    },
    Trap {
        code: "never-equal",
        told: &[
            "event.items.len() «== \"3\"",
            "let page = event.queryStringParameters.page; if page «> 1 { 1 } else { 2 }",
            "event.headers[\"x-count\"] «!= 5",
            "env::get(\"LIMIT\") «< event.items.len()",
            "event.name.to_upper() «== 5",
            "let page = event.queryStringParameters.page ?? 1; if page «> 1 { 1 } else { 2 }",
        ],
        left: &[
            "event.count == \"3\"",
            "event.items.len() == 3",
            "parse_int(event.pathParameters.id) == 3",
            "event.name.to_upper() == \"A\"",
            "env::get(\"A\") == ()",
            "1 == 1.0",
            "let n = \"1\"; n = 2; n == 2",
        ],
    },
    Trap {
        code: "continue-in-do",
        told: &[
            "let i = 0; do { i += 1; if i == 3 { «continue; } } while i < 5; i",
            "let i = 0; do { i += 1; switch i { 1 => «continue, _ => print(i) } } until i > 5; i",
            "let i = 0; do { i += 1; for x in [1] { print(x); } «continue; } while i < 5; i",
            "let i = 0; do { i += 1; try { «continue; } catch { } } while i < 5; i",
        ],
        left: &[
            "let i = 0; while i < 5 { i += 1; if i == 3 { continue; } } i",
            "let i = 0; do { i += 1; for x in [1] { continue; } } while i < 5; i",
            "let i = 0; do { i += 1; if i == 3 { break; } } while i < 5; i",
            "let i = 0; loop { i += 1; if i < 3 { continue; } break; } i",
            "for x in event.items { if x == 1 { continue; } print(x); } 1",
        ],
    },
    Trap {
        code: "undeclared",
        told: &[
            "env::get(«\"AWS_SECRET_ACCESS_KEY\")",
            "http::get(«event.url).status",
            "http::get(«`https://${event.host}/a`).status",
            "let url = event.callback; http::post(«url, 1).status",
            "http::request(#{ url: «event.url }).status",
            "fs::read_text(«event.path)",
        ],
        left: &[
            "//! allow: http a.example.com\nfn handler(event) { http::get(event.url).status }",
            "//! allow: env AWS_SESSION_TOKEN\nfn handler(event) { env::get(\"AWS_SESSION_TOKEN\") }",
            "http::get(`https://api.example.com/orders/${event.id}`).status",
            "http::get(\"https://api.example.com/\" + event.id).status",
            "env::get(\"AWS_REGION\")",
            "const API = \"https://api.example.com\"; fn handler(event) { http::get(`${API}/x/${event.id}`).status }",
        ],
    },
    Trap {
        code: "back-tick-escape",
        told: &[
            "`a«\\nb`",
            "`${event.name}«\\t!`",
            "let s = `say «\\\"yes\\\"`; s",
            "log::info(`a ${`b`} c«\\n`); 1",
            "`one\ntwo«\\n`",
        ],
        left: &[
            "\"a\\nb\"",
            "`a ${\"\\n\"} b`",
            "regex::find(event.a, `a\\n+`)",
            "parse_json(`{\"a\": \"b\\nc\"}`)",
            "const P = `^\\d+\\n$`; fn handler(event) { regex::is_match(event.a, P) }",
            "`C:\\new`",
            "`a\\\\nb`",
            "// `a\\nb`\n1",
        ],
    },
    Trap {
        code: "text-property",
        told: &[
            "//! trigger: sqs\nfn handler(event) { event.Records.map(|r| r.body.«id) }",
            "//! trigger: sqs\nfn handler(event) { for r in event.Records { print(r.body.«order.id); } 1 }",
            "//! trigger: sns\nfn handler(event) { event.Records[0].Sns.Message.«id }",
            "//! trigger: api-gateway-v2\nfn handler(event) { event.body.«user }",
        ],
        left: &[
            "//! trigger: sqs\nfn handler(event) { event.Records.map(|r| parse_json(r.body).id) }",
            "//! trigger: sqs\nfn handler(event) { event.Records[0].body.len }",
            "//! trigger: eventbridge\nfn handler(event) { event.detail.state.name }",
            "event.body.id",
        ],
    },
    Trap {
        code: "reserved-word",
        told: &[
            "event.«default",
            "event.a.«new.b",
            "#{ «default: 1 }",
            "#{ a: 1, «match: 2 }",
            "let «case = 1; case",
            "event.«if",
            "event?.«private",
            "if event.a == «null { 1 }",
            "«var x = 1; x",
        ],
        left: &[
            "event[\"default\"]",
            "#{ \"default\": 1 }",
            "event.calls.case_of",
            "let defaults = 1; defaults",
            "event.a == ()",
        ],
    },
    Trap {
        code: "unknown-variable",
        told: &[
            "fn handler(event) { let rate = 2; total(rate) } fn total(n) { n * «rate }",
            "let all = []; fn handler(event) { event.items.map(|x| «all.len() + x) }",
            "if event.a == «None { 1 } else { 2 }",
            "fn handler(event) { helper() } fn helper() { [1].map(|x| x + «event.n) }",
        ],
        left: &[
            "const ALL = 1; fn handler(event) { ALL }",
            "let rate = 2; event.items.map(|x| x * rate)",
            "fn handler(event) { let rate = 2; total(rate) } fn total(rate) { rate * 2 }",
            "let event2 = event; [1].map(|x| [2].map(|y| x + y + event2.n))",
        ],
    },
];

fn whole(script: &str) -> String {
    let is_body = !script.contains("fn handler");
    if is_body { format!("fn handler(event) {{ {script} }}\n") } else { format!("{script}\n") }
}

/// The script without its marks, and where those stand.
fn marked(script: &str) -> (String, Vec<(usize, usize)>) {
    let (mut line, mut column) = (1, 1);
    let (mut plain, mut places) = (String::new(), Vec::new());
    for character in script.chars() {
        match character {
            '«' => places.push((line, column)),
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
        if character != '«' {
            plain.push(character);
        }
    }
    (plain, places)
}

/// All problems of a script.
fn problems(script: &str) -> Vec<Value> {
    let desk = Desk::with(&[("a.rhai", script)]);
    let said = desk.run(&["check", "--json", "a.rhai"]);
    let object: Value = serde_json::from_str(&said.stdout).expect(&said.stderr);
    object["problems"].as_array().unwrap().clone()
}

fn check(trap: &Trap) {
    assert!(trap.told.len() >= 4 && trap.left.len() >= 4, "{}", trap.code);
    let mut wrong = Vec::new();
    for script in trap.told {
        let (script, places) = marked(&whole(script));
        let all = problems(&script);
        let of_code = all.iter().filter(|problem| problem["rule"] == trap.code);
        let number = |problem: &Value, name: &str| problem[name].as_u64().unwrap() as usize;
        let found: Vec<(usize, usize)> = of_code
            .clone()
            .map(|problem| (number(problem, "line"), number(problem, "column")))
            .collect();
        let has_help =
            of_code.clone().all(|problem| !problem["help"].as_str().unwrap_or("").is_empty());
        // A function that hides a method is called by others, too.
        let is_there = places.iter().all(|place| found.contains(place)) && !found.is_empty();
        if !is_there || !has_help || (found.len() > places.len() && trap.code != "same-method") {
            wrong.push(format!("{script} should be told at {places:?}: {all:#?}"));
        }
    }
    for script in trap.left {
        let script = whole(script);
        let all = problems(&script);
        if all.iter().any(|problem| problem["rule"] == trap.code) {
            wrong.push(format!("{script} should be left alone: {all:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {}", trap.code, wrong.join("\n"));
}

/// The traps in parts, so that they run beside each other.
fn check_part(part: usize, of: usize) {
    TRAPS.iter().skip(part).step_by(of).for_each(check);
}

#[test]
fn each_trap_is_told_at_its_place_and_what_looks_alike_is_not_1() {
    check_part(0, 3);
}

#[test]
fn each_trap_is_told_at_its_place_and_what_looks_alike_is_not_2() {
    check_part(1, 3);
}

#[test]
fn each_trap_is_told_at_its_place_and_what_looks_alike_is_not_3() {
    check_part(2, 3);
}

/// The code of the pages: which code it is about, whether it is wrong, and the script.
fn examples() -> Vec<(String, bool, String)> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = fs::read_to_string(repository.join("docs/check.md")).unwrap();
    let mut examples = Vec::new();
    for part in pages.split("\n## `").skip(1) {
        let (code, page) = part.split_once("`\n").unwrap();
        for (word, is_wrong) in [("Wrong:\n\n```rhai\n", true), ("Right:\n\n```rhai\n", false)] {
            if let Some((_, rest)) = page.split_once(word) {
                let script = rest.split("```").next().unwrap();
                examples.push((code.to_owned(), is_wrong, script.to_owned()));
            }
        }
    }
    examples
}

#[test]
fn the_examples_of_the_pages_are_wrong_and_right_as_they_say() {
    let examples = examples();
    assert!(examples.len() > 60, "{}", examples.len());
    for (code, is_wrong, script) in examples {
        let found = problems(&script);
        let is_told = found.iter().any(|problem| problem["rule"] == code.as_str());
        assert_eq!(is_told, is_wrong, "{code}: {script} {found:#?}");
        assert!(is_wrong || found.is_empty(), "{code}: {script} {found:#?}");
    }
}

#[test]
fn a_page_is_printed_for_each_code_and_a_list_without_one() {
    let desk = Desk::with(&[("a", "")]);
    let said = desk.run(&["check", "--explain", "in-place"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.starts_with("in-place\n\nA warning: the value of a method is used"),
        "{}",
        said.stdout
    );
    for part in [
        "\nWrong:\n\n    fn handler(event) {\n        let name = event.name.trim();\n",
        "\nRight:\n\n",
        "`// rhambda: allow(in-place)`",
        "docs/rhai-for-python-and-javascript.md\n",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    let list = desk.run(&["check", "--explain"]);
    assert!(list.stdout.lines().any(|line| line.starts_with("in-place  ")), "{}", list.stdout);
    let codes: Vec<&str> =
        list.stdout.lines().map(|line| line.split("  ").next().unwrap()).collect();
    for trap in TRAPS {
        assert!(codes.contains(&trap.code), "{}", trap.code);
    }
    let unknown = desk.run(&["check", "--explain", "inplace"]);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("there is no code `inplace`; did you mean `in-place`?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_comment_allows_what_is_meant_on_its_line_or_the_next() {
    let told = |script: &str| -> Vec<String> {
        let all = problems(script);
        all.iter()
            .map(|it| format!("{}:{} {}", it["line"], it["column"], it["rule"].as_str().unwrap()))
            .collect()
    };
    let script = "\
fn handler(event) {
    event.items.map(|x| x); // rhambda: allow(dropped-value)
    // rhambda: allow(dropped-value, in-place)

    // another comment
    event.items.map(|x| x.trim());
    /* rhambda: allow(dropped-value) */ event.items.len();
    event.items.len(); // rhambda: allow(in-place)
    let s = \"// rhambda: allow(dropped-value)\"; event.items.len();
    // rhambda: allow(nope, syntax)
    s
}
";
    assert_eq!(
        told(script),
        ["8:17 dropped-value", "9:61 dropped-value", "10:23 allow-comment", "10:29 allow-comment"]
    );
    // Errors, too, and what others tell.
    assert!(
        told("fn handler(event) {\n  nope(event) // rhambda: allow(unknown-function)\n}")
            .is_empty()
    );
    assert!(
        told("fn handler(event) {\n  let a = 1; // rhambda: allow(unused-variable)\n  event\n}")
            .is_empty()
    );
    let syntax = "fn handler(event) {\n  event.default // rhambda: allow(reserved-word)\n}";
    assert_eq!(told(syntax), ["2:9 reserved-word"]);
}

#[test]
fn programs_get_the_codes_with_their_pages() {
    let desk =
        Desk::with(&[("a.rhai", "fn handler(event) {\n    let n = event.s.trim();\n    n\n}\n")]);
    let said = desk.run(&["check", "a.rhai", "--format", "sarif"]);
    let log: Value = serde_json::from_str(&said.stdout).unwrap();
    let run = &log["runs"][0];
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "in-place");
    assert!(rule["shortDescription"]["text"].as_str().unwrap().starts_with("A warning: the value"));
    assert!(rule["helpUri"].as_str().unwrap().ends_with("/layer/docs/check.md#in-place"));
    assert_eq!(run["results"][0]["ruleId"], "in-place");
    let region = &run["results"][0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"], &region["endColumn"]),
        (&2.into(), &21.into(), &25.into())
    );
    let github = desk.run(&["check", "a.rhai", "--format", "github"]);
    assert!(
        github.stdout.starts_with(
            "::warning file=a.rhai,line=2,col=21,endColumn=25,title=in-place::`trim` changes the text and gives"
        ),
        "{}",
        github.stdout
    );
    let human = desk.run(&["check", "a.rhai"]);
    assert!(human.stdout.contains("\nrhambda check --explain in-place\n"), "{}", human.stdout);
}

#[test]
fn words_of_other_languages_are_explained_where_they_do_not_parse() {
    for (script, expected) in [
        ("if event.a and event.b { 1 }", "`and` is `&&`"),
        ("let x = event.a or 1; x", "`??`"),
        ("if not event.a { 1 }", "`not` is `!`"),
        ("let x = event.a ? 1 : 2; x", "if a { b } else { c }"),
        ("let x = {a: 1}; x", "`#{ a: 1 }`"),
        ("event.n++;", "`+= 1`"),
        ("if event.a { 1 } elif event.b { 2 }", "`else if`"),
        ("def f(x): x", "`fn name(a, b) { … }`"),
        ("let f = (x) => x; f", "`|x| x + 1`"),
        ("let s = 'abc'; s", "double quotes"),
        ("for x of event.items { }", "`for x in items { … }`"),
        ("for (let i = 0; i < 3; i++) { }", "`for i in 0..n { … }`"),
        ("raise \"no\";", "`throw"),
        ("throw new Error(\"no\");", "`throw"),
        ("let x = await f(); x", "waits"),
        ("# comment\n1", "`//`"),
        ("fn inner(x) { x } 1", "closure"),
        ("let x = event.a || \"b\"; x", "`??`"),
        ("if event.a == null { 1 }", "`()`"),
        ("if event.a = 1 { 2 }", "`==` compares"),
        ("let [a, b] = event.items; a", "one by one"),
        ("try { 1 } except { 2 }", "catch (error)"),
        ("let x = event.items[1:2]; x", "extract"),
        ("let x = [...event.items]; x", "`+`"),
        ("if event.a return 1;", "braces"),
    ] {
        let found = problems(&whole(script));
        let help = found[0]["help"].as_str().unwrap_or_default();
        assert!(help.contains(expected), "{script}: {found:#?}");
    }
}

#[test]
fn the_scripts_of_the_measurements_are_clean() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/bench/scripts");
    let desk = Desk::with(&[("a", "")]);
    let said = desk.run(&["check", folder.to_str().unwrap(), "--deny-warnings"]);
    assert!(said.stdout.ends_with(": nothing is wrong\n"), "{}", said.stdout);
}

#[test]
fn a_module_that_nobody_imports_has_no_declaration_either() {
    let desk = Desk::with(&[("lib/a.rhai", "//! allow: nothing\nfn twice(x) { x * 2 }\n")]);
    let said = desk.run(&["check"]);
    assert!(said.stdout.contains("error[permission]"), "{}", said.stdout);
}
