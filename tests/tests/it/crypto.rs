//! What a script does about secrets and strangers: digests, webhooks, tokens and schemas.

use std::sync::atomic::{AtomicUsize, Ordering};

use rhambda_tests::{Authority, Function, Server, answer};

#[test]
fn a_signed_webhook_is_told_from_a_forged_one() {
    let script = r#"fn handler(event) {
        let header = event.headers["x-hub-signature-256"];
        if !webhook::github("It's a Secret to Everybody", event.body, header) {
            return #{ statusCode: 401 };
        }
        #{ statusCode: 200, body: crypto::sha256(event.body).sub_string(0, 8) }
    }"#;
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let event = |body: &str| {
        format!(r#"{{"body":"{body}","headers":{{"x-hub-signature-256":"{signature}"}}}}"#)
    };
    let run = Function::of(script)
        .event(event("Hello, World!"))
        .event(event("Hello, Mallory!"))
        .event(r#"{"body":"Hello, World!","headers":{}}"#)
        .run();
    run.responded(r#"{"body":"dffd6021","statusCode":200}"#)
        .responded(r#"{"statusCode":401}"#)
        .responded(r#"{"statusCode":401}"#)
        .kept_serving()
        .quietly();
}

#[test]
fn a_token_is_valid_until_it_expires_and_a_script_can_catch_why_not() {
    let script = r#"const KEY = "0123456789abcdef0123456789abcdef";
        fn handler(event) {
            let token = jwt::sign(#{ sub: "ada", exp: 1000 }, global::KEY, #{ alg: "HS256" });
            try {
                jwt::verify(token, event.key ?? global::KEY, #{ now_s: event.now }).sub
            } catch (refusal) {
                return refusal.type;
            }
        }"#;
    let run = Function::of(script)
        .event(r#"{"now":999}"#)
        .event(r#"{"now":1000}"#)
        .event(r#"{"now":999,"key":"another"}"#)
        .run();
    run.responded(r#""ada""#)
        .responded(r#""Jwt.Expired""#)
        .responded(r#""Jwt.BadSignature""#)
        .kept_serving();
}

#[test]
fn a_token_that_nobody_catches_fails_the_invocation_by_its_own_type() {
    let script = r#"fn handler(event) { jwt::verify(event, "secret", #{}) }"#;
    let run = Function::of(script).event(r#""a.b""#).event(r#""eyJhbGciOiJub25lIn0.e30.""#).run();
    run.failed_as("Function.ScriptError", "Jwt.Malformed")
        .saying("a token has three parts with a dot between")
        .failed_as("Function.ScriptError", "Jwt.AlgorithmNotAllowed")
        .saying("the token's algorithm is \"none\"")
        .kept_serving();
}

#[test]
fn a_token_by_an_elliptic_curve_verifies_by_a_key_of_a_set() {
    // The key of RFC 7515, A.3.
    let script = r#"const KEY = #{ kty: "EC", crv: "P-256",
            x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI" };
        fn handler(event) {
            let token = jwt::sign(#{ n: event }, global::KEY, #{ alg: "ES256", kid: "k1" });
            let shown = #{ kty: "EC", crv: "P-256", kid: "k1", x: global::KEY.x, y: global::KEY.y };
            [jwt::verify(token, #{ keys: [shown] }, #{}).n, jwt::decode_unverified(token).header.kid]
        }"#;
    Function::of(script).event("7").run().responded(r#"[7,"k1"]"#).kept_serving();
}

#[test]
fn an_argument_of_the_wrong_kind_fails_and_says_what_would_be_right() {
    let script = "fn handler(event) {\n    crypto::sha256(event)\n}";
    let run = Function::of(script).event(r#"{"password":"hunter2"}"#).event(r#""abc""#).run();
    run.failed("Function.ScriptError")
        .saying("crypto::sha256: `data` has to be text or a blob, not map")
        .not_saying("hunter2")
        .responded(r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#)
        .kept_serving();
}

/// Signs with the key of RFC 8037, A.1, by the name that the event gives, and verifies by a URL.
fn by_url(url: &str, options: &str) -> Function {
    Function::of(&format!(
        r#"const KEY = #{{ kty: "OKP", crv: "Ed25519",
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" }};
        fn handler(event) {{
            let token = jwt::sign(#{{ n: 7 }}, global::KEY, #{{ alg: "EdDSA", kid: event }});
            try {{
                return jwt::verify(token, #{{ jwks_url: "{url}"{options} }}).n;
            }} catch (refusal) {{
                return if type_of(refusal) == "map" {{ refusal.type }} else {{ refusal }};
            }}
        }}"#
    ))
}

const SET: &str = r#"{"keys":[7,{"kty":"RSA","kid":"k1"},{"kty":"OKP","crv":"Ed25519","kid":"k1",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn keys_at_a_url_are_asked_for_once_and_a_stranger_cannot_make_us_ask_again() {
    let authority = Authority::new();
    let server = Server::in_tls(&authority, "127.0.0.1", |_| answer(200, &[], SET));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("a temporary file can be written");
    let function = by_url(&format!("{}/jwks.json", server.url()), ", algs: [\"EdDSA\"]")
        .env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8"));
    let names = ["k1", "k1", "k2", "k1", "k3"];
    let run =
        names.iter().fold(function, |function, name| function.event(format!("{name:?}"))).run();
    run.responded("7")
        .responded("7")
        .responded("\"Jwt.UnknownKey\"")
        .responded("7")
        .responded("\"Jwt.UnknownKey\"")
        .kept_serving();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_set_that_cannot_be_had_is_told_by_its_reason_and_asked_for_again() {
    let calls = AtomicUsize::new(0);
    let server = Server::saying(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => answer(404, &[], "none"),
        1 => answer(200, &[], "<html>"),
        2 => answer(200, &[], r#"{"keys":"k1"}"#),
        3 => answer(200, &[], format!("{{\"keys\":[\"{}\"]}}", "k".repeat(300_000))),
        _ => answer(200, &[], SET),
    });
    let function = by_url(&server.url(), "");
    let run = (0..5).fold(function, |function, _| function.event("\"k1\"")).run();
    run.responded("\"Http.Status\"")
        .responded("\"Http.NotJson\"")
        .responded("\"Jwt.InvalidKeySet\"")
        .responded("\"Http.BodyTooLarge\"")
        .responded("7")
        .kept_serving();
}

#[test]
fn keys_come_neither_by_plain_http_nor_from_where_the_script_may_not_go() {
    by_url("http://example.com/jwks.json", "")
        .event("\"k1\"")
        .run()
        .responded(r#""jwt::verify: the option `jwks_url` has to begin with https://""#);
    let script = "//! allow: nothing\nfn handler(token) {
        jwt::verify(token, #{ jwks_url: \"https://example.com/jwks.json\" })
    }";
    // {\"alg\":\"EdDSA\"}
    let run = Function::of(script).event("\"eyJhbGciOiJFZERTQSJ9.e30.AAAA\"").run();
    run.failed_as("Function.ScriptError", "Policy.Refused").saying("http example.com");
    let secret = "fn handler(event) {
        let token = jwt::sign(#{}, \"secret\", #{ alg: \"HS256\" });
        jwt::verify(token, #{ jwks_url: \"https://example.com/jwks.json\" })
    }";
    let run = Function::of(secret).event("1").run();
    run.failed_as("Function.ScriptError", "Jwt.AlgorithmNotAllowed").saying("published");
}
