//! What a script does about secrets and strangers: digests, webhooks, tokens and schemas.

use rhambda_tests::Function;

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
                refusal.type
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
    run.failed("Jwt.Malformed")
        .saying("a token has three parts with a dot between")
        .failed("Jwt.AlgorithmNotAllowed")
        .saying("the token's algorithm is \"none\"")
        .not_saying("secret\"")
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
            let public = #{ kty: "EC", crv: "P-256", kid: "k1", x: global::KEY.x, y: global::KEY.y };
            [jwt::verify(token, #{ keys: [public] }, #{}).n, jwt::decode_unverified(token).header.kid]
        }"#;
    Function::of(script).event("7").run().responded(r#"[7,"k1"]"#).kept_serving();
}

#[test]
fn an_argument_of_the_wrong_kind_fails_and_says_where_and_what_would_be_right() {
    let script = "fn handler(event) {\n    crypto::sha256(event)\n}";
    let run = Function::of(script).event(r#"{"password":"hunter2"}"#).event(r#""abc""#).run();
    run.failed("Function.ScriptError")
        .saying("crypto::sha256: `data` has to be text or a blob, not map")
        .not_saying("hunter2")
        .at("2")
        .responded(r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#)
        .kept_serving();
}
