//! Signatures by key pairs: `crypto::sign`, `crypto::verify`, and webhooks that have them.
//!
//! The keys and signatures of `fixtures/signatures.json` were made by OpenSSL for these tests.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rhambda_tests::{Authority, Function, Run, Server, answer};
use serde_json::{Value, json};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../fixtures/signatures.json")).expect("it is JSON")
}

fn value(mut run: Run) -> Value {
    let response = run.response();
    run.kept_serving();
    serde_json::from_str(&response).expect("a response is JSON")
}

fn result(event: &Value, statements: &str) -> Value {
    let script = format!("fn handler(event) {{\n{statements}\n}}");
    value(Function::of(&script).event(event.to_string()).run())
}

/// What the forms of a key in the fixture are to a script.
const KEYS: &str = "
    fn keys(key, names) {
        let found = [];
        for name in names {
            if key[name] == () { continue; }
            let is_bytes = name.contains(\"der\") || name.contains(\"bare\");
            found.push(if is_bytes { base64::decode(key[name]) } else { key[name] });
        }
        found
    }
    fn publics(key) {
        keys(key, [\"public\", \"public_der\", \"public_traditional\", \"public_traditional_der\",
            \"certificate\", \"certificate_der\", \"jwk\", \"private_jwk\", \"bare\"])
    }
    fn privates(key) {
        keys(key, [\"private\", \"private_der\", \"private_traditional\", \"private_traditional_der\",
            \"private_jwk\", \"private_bare\"])
    }
";

#[test]
fn what_openssl_signed_is_verified_by_every_form_of_the_key_and_nothing_else_is() {
    let script = format!(
        "{KEYS}
        fn handler(event) {{
            let count = 0;
            for one in event.signatures {{
                let signature = base64::decode(one.signature);
                let changed = signature;
                changed[changed.len() - 1] = changed[changed.len() - 1] ^ 1;
                let options = if one.encoding == () {{ #{{}} }} else {{ #{{ encoding: one.encoding }} }};
                for key in publics(event.keys[one.key]) {{
                    let verify = |data, signature|
                        crypto::verify(one.algorithm, key, data, signature, options);
                    if !verify.call(event.data, signature) {{ return [one, key]; }}
                    if !verify.call(event.data.to_blob(), signature) {{ return [one, key]; }}
                    if verify.call(event.data + \"x\", signature) || verify.call(\"\", signature)
                        || verify.call(event.data, changed) || verify.call(event.data, blob())
                        || verify.call(event.data, blob(64)) || verify.call(event.data, blob(96))
                        || verify.call(event.data, blob(256, 255)) {{
                        return [\"forged\", one, key];
                    }}
                    count += 1;
                }}
            }}
            count
        }}"
    );
    let run = Function::of(&script).event(fixture().to_string()).run();
    // Eight or nine forms of RSA, seven of the curves, six of Ed25519.
    let count = value(run);
    assert!(count.as_i64().is_some_and(|count| count > 31 * 6), "{count}");
}

#[test]
fn what_is_signed_is_what_openssl_signs_and_verifies_by_the_other_half() {
    let script = format!(
        "{KEYS}
        fn handler(event) {{
            let count = 0;
            for one in event.signatures {{
                // There is no such signing in ring, and none in JSON Web Algorithms.
                if one.algorithm + one.key == \"ecdsa-sha384p256\"
                    || one.algorithm + one.key == \"ecdsa-sha256p384\" {{ continue; }}
                let options = if one.encoding == () {{ #{{}} }} else {{ #{{ encoding: one.encoding }} }};
                for key in privates(event.keys[one.key]) {{
                    let signature = crypto::sign(one.algorithm, key, event.data, options);
                    if one.deterministic && signature != base64::decode(one.signature) {{
                        return [\"other\", one];
                    }}
                    let shown = event.keys[one.key][\"public\"];
                    if !crypto::verify(one.algorithm, shown, event.data, signature, options) {{
                        return [\"refused\", one];
                    }}
                    count += 1;
                }}
            }}
            count
        }}"
    );
    let count = value(Function::of(&script).event(fixture().to_string()).run());
    assert!(count.as_i64().is_some_and(|count| count > 19 * 4), "{count}");
}

#[test]
fn a_key_that_is_none_or_of_another_kind_is_told_without_the_key() {
    let fixture = fixture();
    let cut = fixture["keys"]["rsa"]["private"].as_str().map(|pem| &pem[..300]);
    let garbled = fixture["keys"]["p256"]["private"]
        .as_str()
        .map(|pem| pem.replacen("MIG", "MIGA", 1).replacen("AgEA", "AgE", 1));
    let event = json!({ "f": fixture, "cut": cut, "garbled": garbled });
    let caught = |call: &str| {
        let statements = format!(
            "let k = event.f.keys; try {{ return {call}; }} catch (error) {{ return error; }}"
        );
        result(&event, &statements)
    };
    let sign = |key: &str| format!("crypto::sign(\"ecdsa-sha256\", {key}, \"data\")");
    let verify = |key: &str| format!("crypto::verify(\"ecdsa-sha256\", {key}, \"data\", blob(70))");
    for (call, kind, said) in [
        (sign("k.rsa[\"private\"]"), "KeyMismatch", "is an RSA key, which is for rsa-sha256"),
        (
            sign("k.p384[\"private\"]"),
            "KeyMismatch",
            "a P-384 key, which is for ecdsa-sha384, not for",
        ),
        (sign("k.ed25519[\"private\"]"), "KeyMismatch", "an Ed25519 key, which is for ed25519"),
        (verify("k.rsa[\"public\"]"), "KeyMismatch", "is an RSA key"),
        (sign("k.p256[\"public\"]"), "KeyInvalid", "is a public key; a private key signs"),
        (sign("base64::decode(k.p256.public_der)"), "KeyInvalid", "is a public key"),
        (sign("k.p256.certificate"), "KeyInvalid", "is a public key"),
        (sign("k.small[\"private\"]"), "KeyInvalid", "is not a private key that can sign"),
        (sign("k.p521[\"private\"]"), "KeyInvalid", "is not a private key that can sign"),
        (sign("event.f.encrypted"), "KeyInvalid", "is a private key under a password"),
        (sign("event.cut"), "KeyInvalid", "is PEM, but its block is cut off"),
        (sign("event.garbled"), "KeyInvalid", "`key` is"),
        (sign("\"hunter2\""), "KeyInvalid", "is text, but not PEM"),
        (sign("\"\""), "KeyInvalid", "`key` is empty"),
        (sign("()"), "KeyInvalid", "has to be PEM as text, DER as a blob, or a JSON Web Key"),
        (sign("#{ kty: \"oct\", k: \"c2VjcmV0\" }"), "KeyInvalid", "is a secret, which only HMAC"),
        (sign("#{ kty: \"EC\", crv: \"P-521\" }"), "KeyInvalid", "kty \"EC\" and crv \"P-521\""),
        (verify("k.small[\"public\"]"), "KeyInvalid", "is an RSA key of 1024 bits"),
        (verify("base64::decode(k.small.public_der)"), "KeyInvalid", "an RSA key of 1024 bits"),
        (verify("k.p521[\"public\"]"), "KeyInvalid", "not of RSA, P-256, P-384 or Ed25519"),
        (verify("k.p256[\"private\"]"), "KeyInvalid", "is a private key; the public key verifies"),
        (verify("base64::decode(k.p256.private_der)"), "KeyInvalid", "is no public key in DER"),
        (verify("blob(33, 2)"), "KeyInvalid", "is no public key in DER"),
        (
            verify("#{ kty: \"EC\", crv: \"P-256\", x: k.p256.jwk.x, y: \"AAAA\" }"),
            "KeyInvalid",
            "compressed or of a wrong length",
        ),
        (
            "crypto::verify(\"ed25519\", k.ed25519[\"public\"], \"data\", \"c2ln\")".to_owned(),
            "InvalidArgument",
            "`signature` is a blob",
        ),
        (
            "crypto::verify(\"ecdsa-sha265\", k.p256[\"public\"], \"data\", blob())".to_owned(),
            "UnknownAlgorithm",
            "did you mean \"ecdsa-sha256\"?",
        ),
        (
            "crypto::sign(\"rs256\", k.rsa[\"private\"], \"data\")".to_owned(),
            "UnknownAlgorithm",
            "there is no algorithm \"rs256\"",
        ),
        (
            "crypto::sign(\"rsa-sha256\", k.rsa[\"private\"], \"data\", #{ encoding: \"raw\" })"
                .to_owned(),
            "InvalidArgument",
            "the option `encoding` is for ECDSA",
        ),
        (
            "crypto::sign(\"ecdsa-sha256\", k.p256[\"private\"], \"data\", #{ encoding: \"hex\" })"
                .to_owned(),
            "InvalidArgument",
            "is \"der\", or \"raw\"",
        ),
        (
            "crypto::sign(\"ecdsa-sha256\", k.p256[\"private\"], \"data\", #{ form: \"raw\" })"
                .to_owned(),
            "InvalidArgument",
            "there is no option `form`",
        ),
    ] {
        let error = caught(&call);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            error["type"] == format!("Crypto.{kind}") && message.contains(said),
            "{call}: {error}"
        );
        assert!(error["algorithm"].is_string(), "{error}");
        for secret in ["hunter2", "MIG", "MII", "c2VjcmV0"] {
            assert!(!message.contains(secret), "{message}");
        }
    }
}

#[test]
fn tokens_know_the_same_algorithms_and_keys() {
    let script = format!(
        "{KEYS}
        fn handler(event) {{
            let algorithms = #{{ rsa: [\"RS256\", \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\"],
                p256: [\"ES256\"], p384: [\"ES384\"], ed25519: [\"EdDSA\"] }};
            let count = 0;
            for name in algorithms.keys() {{
                let key = event.keys[name];
                for alg in algorithms[name] {{
                    for own in [key[\"private\"], key.private_traditional ?? key[\"private\"], key.private_jwk] {{
                        let token = jwt::sign(#{{ sub: alg }}, own, #{{ alg: alg }});
                        for shown in [key[\"public\"], key.certificate, key.jwk] {{
                            if jwt::verify(token, shown, #{{}}).sub != alg {{ return alg; }}
                            count += 1;
                        }}
                    }}
                }}
            }}
            count
        }}"
    );
    let run = Function::of(&script).event(fixture().to_string()).run();
    assert_eq!(value(run), json!(9 * 9));
}

/// A proxy that connects everybody who asks to the same server.
fn proxy_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || -> io::Result<()> {
                let mut reader = BufReader::new(client.try_clone()?);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    reader.read_line(&mut head)?;
                }
                let server = TcpStream::connect(server)?;
                (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                let (mut there, mut back) = (server.try_clone()?, client);
                thread::spawn(move || io::copy(&mut &server, &mut back));
                io::copy(&mut reader, &mut there)?;
                Ok(())
            });
        }
    });
    address
}

#[test]
fn messages_of_sns_are_verified_by_its_certificate_which_is_fetched_once() {
    let fixture = fixture();
    let certificate =
        fixture["keys"]["rsa"]["certificate"].as_str().expect("a certificate").to_owned();
    let authority = Authority::new();
    let server =
        Server::in_tls(&authority, "sns.eu-west-1.amazonaws.com", move |asked| {
            match asked.target.as_str() {
                "/SimpleNotificationService-test.pem" => answer(200, &[], &certificate),
                _ => answer(404, &[], "no such certificate"),
            }
        });
    let proxy = proxy_to(server.address());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), authority.pem()).expect("a temporary file can be written");
    let topic = "arn:aws:sns:eu-west-1:123456789012:orders";
    let script = format!(
        "//! allow: http sns.eu-west-1.amazonaws.com
        fn handler(event) {{
            event.map(|it| webhook::sns([\"arn:aws:sns:eu-west-1:1:other\", {topic:?}], it))
        }}"
    );
    let run = |events: Value| {
        Function::of(&script)
            .env("SSL_CERT_FILE", file.path().to_str().expect("UTF-8"))
            .env("HTTPS_PROXY", &format!("http://{proxy}"))
            .event(events.to_string())
            .run()
    };
    let messages = fixture["sns"].as_array().expect("messages").clone();
    let mut bodies: Vec<Value> = messages.iter().map(|it| json!(it.to_string())).collect();
    bodies.extend(messages.iter().cloned());
    assert_eq!(value(run(json!(bodies))), json!(vec![true; 8]));
    assert_eq!(server.seen().len(), 1, "the certificate is kept");

    let changed = |changes: &[(&str, Value)]| {
        let mut message = messages[1].clone();
        for (name, value) in changes {
            message[*name] = value.clone();
        }
        json!(message.to_string())
    };
    let elsewhere = |url: &str| changed(&[("SigningCertURL", json!(url))]);
    let forged = json!([
        changed(&[("Message", json!("another"))]),
        changed(&[("Subject", json!("added"))]),
        changed(&[("TopicArn", json!("arn:aws:sns:eu-west-1:1:mine"))]),
        changed(&[("TopicArn", json!("arn:aws:sns:eu-west-1:1:other"))]),
        changed(&[("SignatureVersion", json!("1"))]),
        changed(&[("SignatureVersion", json!("3"))]),
        changed(&[("Type", json!("SubscriptionConfirmation"))]),
        changed(&[("Signature", json!("AAAA"))]),
        changed(&[("Signature", json!(7))]),
        changed(&[("Signature", Value::Null)]),
        elsewhere("https://evil.example/SimpleNotificationService-test.pem"),
        elsewhere("https://sns.eu-west-1.amazonaws.com.evil.example/a.pem"),
        elsewhere("http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-test.pem"),
        elsewhere("https://sns.eu-west-1.amazonaws.com/none.pem"),
        "no JSON",
        "[]",
        null,
    ]);
    assert_eq!(
        value(run(forged.clone())),
        json!(vec![false; forged.as_array().expect("it is").len()])
    );
    let targets: Vec<String> = server.seen().into_iter().map(|asked| asked.target).collect();
    assert_eq!(
        targets[1..],
        ["/SimpleNotificationService-test.pem", "/none.pem"],
        "nothing else is fetched"
    );
}

#[test]
fn a_topic_that_is_missing_is_an_error_and_the_certificate_needs_to_be_allowed() {
    let message = fixture()["sns"][0].clone();
    let caught = |top: &str, topic: &str| {
        let script = format!(
            "{top}\nfn handler(event) {{
                try {{ webhook::sns({topic}, event) }} catch (error) {{ return [error.type, error.message]; }}
            }}"
        );
        value(Function::of(&script).event(message.to_string()).run())
    };
    for topic in ["\"\"", "()", "[]", "[7]"] {
        let error = caught("", topic);
        assert_eq!(error[0], "Webhook.InvalidArgument", "{error}");
    }
    let error = caught("//! allow: nothing", "event.TopicArn");
    assert_eq!(error[0], "Policy.Refused", "{error}");
    let said = error[1].as_str().unwrap_or_default();
    assert!(said.ends_with("//! allow: http sns.eu-west-1.amazonaws.com"), "{said}");
}

#[test]
fn twilios_own_example_is_signed_as_a_form_and_with_any_port() {
    let event = json!({
        "url": "https://example.com/myapp.php?foo=1&bar=2",
        "form": { "CallSid": "CA1234567890ABCDE", "Caller": "+14158675310", "Digits": "1234",
            "From": "+14158675310", "To": "+18005551212" },
        "body": "CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310\
            &To=%2B18005551212",
        "signature": "L/OH5YylLD5NRKLltdqwSvS0BnU=",
    });
    // The JSON body's hash is in the URL, which alone is signed; by Python's hmac.
    let told = result(
        &event,
        "let check = |token, url, body, signature| webhook::twilio(token, url, body, signature);
         let json = `{\"property\": \"value\", \"boolean\": true}`;
         let hash = crypto::sha256(json);
         let url = `https://example.com/myapp.php?foo=1&bodySHA256=${hash}`;
         let signed = base64::encode(crypto::hmac(\"sha1\", \"12345\", url));
         [check.call(\"12345\", event.url, event.form, event.signature),
          check.call(\"12345\", event.url, event.body, event.signature),
          check.call(\"12345\", event.url, event.body.to_blob(), event.signature),
          check.call(\"12345\", event.url.replaced_port(), event.body, event.signature),
          check.call(\"12345\", url, json, signed),
          check.call(\"12345\", url, json + \" \", signed),
          check.call(\"12346\", event.url, event.form, event.signature),
          check.call(\"12345\", event.url + \"&baz=3\", event.form, event.signature),
          check.call(\"12345\", event.url, event.body + \"&More=1\", event.signature),
          check.call(\"12345\", event.url, event.body, ()),
          check.call(\"12345\", event.url, event.body, \"\"),
          check.call(\"12345\", event.url, (), event.signature)]"
            .replace(
                "event.url.replaced_port()",
                "\"https://example.com:443/myapp.php?foo=1&bar=2\"",
            )
            .as_str(),
    );
    let good = [true; 5].into_iter().chain([false; 7]).collect::<Vec<_>>();
    assert_eq!(told, json!(good));
    let error = result(
        &event,
        "try { webhook::twilio(\"\", event.url, event.body, event.signature) }
         catch (error) { return error.type; }",
    );
    assert_eq!(error, "Webhook.InvalidArgument");
}

#[test]
fn discord_and_sendgrid_need_a_key_that_is_one() {
    let told = result(
        &Value::Null,
        "let types = [];
         for key in [\"\", \"zz\", \"d75a\", 7, ()] {
             for check in [|key| webhook::discord(key, \"{}\", \"1\", \"00\"),
                          |key| webhook::sendgrid(key, \"{}\", \"1\", \"00\")] {
                 try { check.call(key); types.push(\"no error\"); } catch (error) { types.push(error.type); }
             }
         }
         types.dedup();
         types",
    );
    assert_eq!(told, json!(["Crypto.KeyInvalid"]));
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let told = result(
        &json!(key),
        "let signature = \"00\"; while signature.len() < 128 { signature += \"00\"; }
         [signature, signature.sub_string(2), \"zz\" + signature.sub_string(2), \"\", (), 7]
             .map(|signature| webhook::discord(event, \"{}\", \"1\", signature))",
    );
    assert_eq!(told, json!(vec![false; 6]));
}
