//! Formats as the world writes them: byte order marks, old line ends, orders that a schema wants.

use rhambda_tests::Function;
use serde_json::{Value, json};

/// What a handler with this body answers to an event.
fn answered(event: &Value, body: &str) -> Value {
    let script = format!("fn handler(event) {{\n{body}\n}}\n");
    let mut run = Function::of(&script).event(event.to_string()).run();
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

#[test]
fn a_csv_file_may_end_its_lines_as_an_old_mac_does() {
    let rows = json!([{"id": "1", "name": "Ann"}, {"id": "2", "name": "Ben"}]);
    for end in ["\r", "\n", "\r\n"] {
        let text = ["id,name", "1,Ann", "2,Ben", ""].join(end);
        assert_eq!(answered(&json!({ "text": text }), "csv::parse(event.text)"), rows, "{end:?}");
    }
    // A line end within quotes belongs to the field.
    let quoted = json!({"text": "a,b\r\"x\ry\",2\r"});
    assert_eq!(answered(&quoted, "csv::parse(event.text)"), json!([{"a": "x\ry", "b": "2"}]));
}

#[test]
fn a_byte_order_mark_before_text_changes_nothing() {
    let event = json!({"text": "\u{feff}{\"eur\": 1}", "csv": "\u{feff}a\n1"});
    let script = r#"
        fs::write("/tmp/rhambda-marked.json", event.text);
        // Requests have their methods where a script knows of events.
        let source = events::source(event);
        let request = #{ body: event.text };
        [
            parse_json(event.text).eur,
            json::parse(event.text).eur,
            request.json().eur,
            request.text(),
            fs::read_text("/tmp/rhambda-marked.json"),
            csv::parse(event.csv)[0].a,
        ]"#;
    let text = "{\"eur\": 1}";
    assert_eq!(answered(&event, script), json!([1, 1, 1, text, text, "1"]));
    // One mark, and only at the start.
    let event = json!({"text": "\u{feff}\u{feff}1"});
    let caught = "try { return parse_json(event.text) } catch { return \"refused\" }";
    assert_eq!(answered(&event, caught), "refused");
}

#[test]
fn elements_of_xml_stand_in_the_order_that_the_author_wants() {
    let event = json!({"token": "t", "item": 7});
    let script = r##"
        xml::write(#{ "soap:Envelope": #{
            "#order": ["soap:Header", "soap:Body"],
            "@xmlns:soap": "http://schemas.xmlsoap.org/soap/envelope/",
            "soap:Header": #{ Token: event.token },
            "soap:Body": #{ GetPrice: #{ "#order": ["Item", "Currency"], Item: event.item, Currency: "EUR" } },
        } })"##;
    let xml = "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">\
               <soap:Header><Token>t</Token></soap:Header>\
               <soap:Body><GetPrice><Item>7</Item><Currency>EUR</Currency></GetPrice></soap:Body>\
               </soap:Envelope>";
    assert_eq!(answered(&event, script), xml);
    let event = json!({ "xml": xml });
    let script = "xml::write(xml::parse(event.xml, #{ order: true }))";
    assert_eq!(answered(&event, script), xml);
}

#[test]
fn the_options_of_a_cookie_are_checked() {
    let cookie = |options: &str| {
        let body = format!(
            "try {{ return response::text(\"\").cookie(\"a\", \"1\", {options}).cookies[0] }} \
             catch (error) {{ return error.message }}"
        );
        answered(&json!({}), &body).as_str().expect("text").to_owned()
    };
    for (options, expected) in [
        ("#{ expires: time::parse(\"1970-01-01\") }", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
        (
            "#{ expires: time::parse(\"2026-07-01T01:00:00+02:00\") }",
            "; Expires=Tue, 30 Jun 2026 23:00:00 GMT",
        ),
        ("#{ expires: \"2026-11-23\" }", "; Expires=Mon, 23 Nov 2026 00:00:00 GMT"),
        ("#{ expires: () }", "a=1; Path=/; SameSite=Lax; Secure; HttpOnly"),
        ("#{ expires: 1900000000000 }", "`expires` of the cookie `a` is a time"),
        ("#{ expires: \"tomorrow\" }", "`expires` of the cookie `a` is a time"),
        ("#{ max_age_s: 60 }", "; Max-Age=60"),
        (
            "#{ max_age_s: \"60s\" }",
            "`max_age_s` of the cookie `a` is a whole number of seconds, not \"60s\"",
        ),
        ("#{ same_site: \"strict\" }", "; SameSite=Strict"),
        (
            "#{ same_site: \"foo\" }",
            "`same_site` of the cookie `a` is \"Strict\", \"Lax\" or \"None\", not \"foo\"",
        ),
        ("#{ same_site: \"None\", secure: false }", "which browsers take only with `secure`"),
        ("#{ secure: \"yes\" }", "`secure` of the cookie `a` is a bool, not string"),
        ("#{ path: \"admin\" }", "`path` of the cookie `a` is a path that begins with `/`"),
        ("#{ domain: 7 }", "`domain` of the cookie `a` is text, not"),
    ] {
        let said = cookie(options);
        assert!(said.contains(expected), "{options}: {said}");
    }
}
