//! Parts of the library, called by scripts that check what they promise: a script that throws is a
//! finding.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::Look;
use super::choices::Choices;
use super::scripts::{Task, answer_with, call, is_bound, is_fair};

/// The time a script has for one input; it hardly needs any.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A target that calls a script with each input: as text in `event.text`, and as base64 in
/// `event.bytes`.
fn checked_by(script: &'static str) -> Look {
    let task = Task::new();
    let script = match task.load(script.as_bytes(), &[]) {
        Ok(script) => script,
        Err(report) => panic!("{report:?}"),
    };
    Box::new(move |input| {
        let text = String::from_utf8_lossy(input);
        let event = json!({ "text": text, "bytes": BASE64_STANDARD.encode(input) });
        if let Err(report) = call(&script, event.to_string().as_bytes(), TIMEOUT) {
            panic!("{}", String::from_utf8_lossy(&report.to_json()));
        }
    })
}

/// What is written of what was read reads the same, with a header, without, and by another delimiter.
pub(super) fn csv() -> Look {
    checked_by(
        r#"
        fn handler(event) {
            let text = event.text;
            for options in [#{ header: false }, #{ header: false, delimiter: ";" }] {
                let rows = ();
                try { rows = csv::parse(text, options); } catch { continue; }
                let written = csv::write(rows, options);
                if csv::parse(written, options) != rows { throw `rows: ${written.to_json()}`; }
                if csv::write(csv::parse(written, options), options) != written { throw "not stable"; }
            }
            let maps = ();
            try { maps = csv::parse(text); } catch { return; }
            if maps.is_empty() { return; }
            if csv::parse(csv::write(maps)) != maps { throw `maps: ${csv::write(maps).to_json()}`; }
        }
        "#,
    )
}

/// What is written of what was read reads the same.
pub(super) fn xml() -> Look {
    checked_by(
        r#"
        fn handler(event) {
            let map = ();
            try { map = xml::parse(event.text); } catch { return; }
            let written = xml::write(map);
            let again = xml::parse(written);
            if again != map { throw `${map.to_json()} became ${again.to_json()} by ${written}`; }
            if xml::write(again) != written { throw "not stable"; }
        }
        "#,
    )
}

/// Only a token that was signed holds, with the claims that were signed, and no other form of it.
pub(super) fn jwt() -> Look {
    checked_by(
        r#"
        const KEY = "c2VjcmV0IG9mIHNvbWUgbGVuZ3RoIHRoYXQgZml0cyBhbGw";
        fn handler(event) {
            let text = event.text;
            let holds = false;
            try { jwt::verify(text, global::KEY, #{ now_s: 0 }); holds = true; } catch { }
            try {
                let parts = jwt::decode_unverified(text);
                parts.header.alg + parts.claims.len();
            } catch { }
            if holds { return; }
            let claims = ();
            try { claims = json::parse(text); } catch { return; }
            if type_of(claims) != "map" { return; }
            for name in ["exp", "nbf", "iat"] { claims.remove(name); }
            let token = jwt::sign(claims, global::KEY, #{ alg: "HS256" });
            let back = jwt::verify(token, global::KEY, #{ now_s: 0 });
            if back.to_json() != claims.to_json() { throw `${back.to_json()} was ${claims.to_json()}`; }
            let at = text.len() % (token.len() - 1);
            let other = token.sub_string(0, at) + (if token[at] == 'A' { 'Z' } else { 'A' })
                + token.sub_string(at + 1);
            let is_forged = false;
            try { jwt::verify(other, global::KEY, #{ now_s: 0 }); is_forged = true; } catch { }
            if is_forged { throw `${other} holds as well as ${token}`; }
        }
        "#,
    )
}

/// A form has no more in it than its body, and the parts of it that are files are in the body as they
/// are.
pub(super) fn multipart() -> Look {
    checked_by(
        r#"
        fn size(value) {
            switch type_of(value) {
                "array" => value.reduce(|sum, item| sum + size(item), 0),
                "map" => value.filename.bytes() + value.type.bytes() + value.body.len(),
                _ => value.bytes(),
            }
        }
        fn handler(event) {
            let bytes = base64::decode(event.bytes);
            let end = event.text.index_of("\n");
            let kind = if end < 0 { "multipart/form-data; boundary=XX" } else { event.text.sub_string(0, end) };
            let form = ();
            let request = #{ headers: #{ "content-type": kind }, body: bytes };
            try { form = request.form(); } catch { return; }
            let all = 0;
            for value in form.values() { all += size(value); }
            // What is not UTF-8 becomes three bytes; a file without a type gets one.
            if all > 27 * bytes.len() { throw `${all} bytes of ${bytes.len()}`; }
        }
        "#,
    )
}

/// What is encoded decodes to the same, and what is decoded encodes to what decodes to the same.
pub(super) fn encodings() -> Look {
    checked_by(
        r#"
        fn same(what, one, other) { if one != other { throw `FINDING ${what}: ${one} is not ${other}`; } }
        fn handler(event) {
            let text = event.text;
            let bytes = base64::decode(event.bytes);
            same("base64", base64::encode(bytes), event.bytes);
            same("base64 of text", base64::decode_text(base64::encode(text)), text);
            same("base64url", base64url::decode(base64url::encode(bytes)), bytes);
            same("hex", hex::decode(hex::encode(bytes)), bytes);
            same("gzip", gzip::decompress(gzip::compress(bytes)), bytes);
            same("url", url::decode(url::encode(text)), text);
            same("html", text::unescape_html(text::escape_html(text)), text);
            same("json", json::parse(json::stringify(text)), text);
            same("literal regex", regex::test(text, "^" + regex::escape(text) + "$"), true);
            same("query", url::parse_query(url::query(#{ "a": text })).a, text);
            let named = #{};
            named[text] = "v";
            same("key of a query", url::parse_query(url::query(named))[text], "v");
            try { let all = gzip::decompress(bytes); same("gzip", gzip::decompress(gzip::compress(all)), all); } catch (e) { told(e); }
            try { let it = base64::decode(text); same("base64", base64::decode(base64::encode(it)), it); } catch (e) { told(e); }
            try { let it = base64url::decode(text); same("base64url", base64url::decode(base64url::encode(it)), it); } catch (e) { told(e); }
            try { let it = hex::decode(text); same("hex", hex::encode(it), text.to_lower()); } catch (e) { told(e); }
            try { let it = url::decode(text); same("url", url::decode(url::encode(it)), it); } catch (e) { told(e); }
            try {
                let it = url::parse_query(text);
                same("query", url::parse_query(url::query(it)).to_json(), it.to_json());
            } catch (e) { told(e); }
            try {
                let it = url::build(url::parse(text));
                same("URL", url::build(url::parse(it)), it);
            } catch (e) { told(e); }
            try {
                let it = time::parse(text);
                same("time", time::parse(it.to_string()) == it, true);
            } catch (e) { told(e); }
        }
        // A finding goes on; what an input is refused with does not.
        fn told(error) {
            if type_of(error) == "string" && error.starts_with("FINDING") { throw error; }
        }
        "#,
    )
}

/// Any event can be asked what events are asked, and what comes of it can be answered.
pub(super) fn event() -> Look {
    asked_all()
}

/// The same for the events of the corpus with parts of them replaced, removed and repeated as the
/// input says.
pub(super) fn event_parts() -> Look {
    let mut look = asked_all();
    let folder = super::corpus("event");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &PathBuf| serde_json::from_slice::<Value>(&fs::read(path).ok()?).ok();
    let events: Vec<Value> = paths.iter().filter_map(read).collect();
    Box::new(move |input| {
        let mut choices = Choices(input);
        let mut event = events[choices.below(events.len())].clone();
        while !choices.is_over() {
            let mut count = choices.wide(1 + size(&event));
            change(&mut event, &mut count, &mut choices);
        }
        look(event.to_string().as_bytes());
    })
}

/// How many values there are in a value.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the value before which so many others stand.
fn change(value: &mut Value, before: &mut usize, choices: &mut Choices) -> bool {
    if *before == 0 {
        const VALUES: [&str; 24] = [
            "null",
            "true",
            "false",
            "0",
            "-1",
            "1.5",
            "9223372036854775808",
            "1e300",
            "\"\"",
            "\"a\"",
            "\"ä\\u0000\"",
            "\"POST\"",
            "\"/a/b\"",
            "\"a=1&b=%zz\"",
            "\"e30=\"",
            "\"#\"",
            "\"{}\"",
            "\"2024-01-01T00:00:00Z\"",
            "[]",
            "{}",
            "[null]",
            "{\"a\":{}}",
            "\"multipart/form-data; boundary=x\"",
            "\"aws:sqs\"",
        ];
        let other = serde_json::from_str(choices.of(&VALUES)).expect("these are JSON");
        let items = match value {
            Value::Array(items) if !items.is_empty() => Some(items),
            _ => None,
        };
        match (choices.below(4), items) {
            (0, Some(items)) => items.push(items[0].clone()),
            (1, Some(items)) => items.truncate(items.len() - 1),
            (2, _) => *value = Value::Array(vec![value.take()]),
            _ => *value = other,
        }
        return true;
    }
    *before -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, before, choices)),
        Value::Object(map) => {
            let is_here = *before == 0 && choices.below(4) == 0;
            if let Some(key) = map.keys().next().cloned().filter(|_| is_here) {
                map.remove(&key);
                return true;
            }
            map.values_mut().any(|item| change(item, before, choices))
        }
        _ => false,
    }
}

/// A target that asks an event all that can be asked of events.
fn asked_all() -> Look {
    let task = Task::new();
    let script = task.load(
        br#"
        router::get("/a/{b}", |request| request);
        router::post("/", |request| [request.json(), request.form()]);
        router::any("/x/{a}", |request| request.text());
        fn handler(event) {
            let found = #{};
            try { found.source = events::source(event); } catch (e) { found.no_source = e; }
            try { found.records = events::records(event); } catch (e) { found.no_records = e; }
            try {
                let request = events::request(event);
                found.request = request;
                found.header = request.header("content-type");
                found.query = [request.query("a"), request.query_all("a"), request.cookie("a")];
                try { found.json = request.json(); } catch (e) { found.no_json = e; }
                try { found.form = request.form(); } catch (e) { found.no_form = e; }
                found.text = request.text();
                found.blob = request.blob();
            } catch (e) { found.no_request = e; }
            try { found.allow = events::allow(event, "ann", #{ a: 1 }); } catch (e) { found.no_allow = e; }
            try { found.deny = events::deny(event); } catch (e) { found.no_deny = e; }
            try { found.plain = events::from_dynamodb(event); } catch (e) { found.no_plain = e; }
            try { found.item = events::to_dynamodb(event); } catch (e) { found.no_item = e; }
            try { found.batch = batch::each(event, |record| record); } catch (e) { found.no_batch = e; }
            try { found.routed = router::serve(event); } catch (e) { found.not_routed = e; }
            try { found.resource = custom_resource::handle(event, |it| it); } catch (e) { found.no_resource = e; }
            try { if event.answer != () { return event.answer; } } catch { }
            found
        }
        "#,
        &[],
    );
    let script = match script {
        Ok(script) => script,
        Err(report) => panic!("{report:?}"),
    };
    Box::new(move |input| match call(&script, input, TIMEOUT) {
        Ok(answer) => {
            serde_json::from_slice::<serde::de::IgnoredAny>(&answer).expect("an answer is JSON");
        }
        Err(report) => {
            assert!(!is_bound(&report), "{report:?}");
            is_fair(&report);
        }
    })
}

/// Whatever a server answers, a script gets it as one of the forms it asks for, or a failure with a
/// type. The answer is a line with the status, lines with headers, an empty line and the body.
pub(super) fn http_client() -> Look {
    let mut look = checked_by(
        r#"
        fn handler(event) {
            for options in [#{}, #{ redirects: 2 }, #{ max_bytes: 20 }] {
                let answer = ();
                try {
                    answer = http::get("https://a.example/x?y=z", options);
                    answer.ok && answer.url.contains("a.example");
                    answer.header("content-type");
                    let all = answer.to_map();
                    if answer.blob().len() != answer.size { throw "FINDING another size"; }
                    answer.text();
                    answer.json();
                    http::post("https://a.example/", answer.body, #{ retries: 1 });
                } catch (e) {
                    if type_of(e) == "string" && e.starts_with("FINDING") { throw e; }
                }
            }
        }
        "#,
    );
    Box::new(move |input| {
        answer_with(input);
        look(input);
    })
}
