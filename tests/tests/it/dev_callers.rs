//! Whose requests `rhambda dev` answers.

use rhambda_tests::{Client, Served};

/// Tells by the log that it ran.
const EFFECT: &str = r#"fn handler(event) {
    print("it ran");
    #{ statusCode: 200, headers: #{ "Access-Control-Allow-Origin": "*" }, body: "done" }
}"#;

const INVOKE: &str = "POST /2015-03-31/functions/hello/invocations";

#[test]
fn pages_of_other_sites_run_no_function() {
    let served = Served::of(&[("hello.rhai", EFFECT)], &[]);
    for request in [
        "GET /hello",
        "GET /hello/path?q=1",
        "POST /hello",
        "PUT /hello",
        "DELETE /hello",
        "OPTIONS /hello",
        INVOKE,
        "POST /_rhambda/functions/hello/invocations",
        "GET /2015-03-31/functions",
        "GET /",
        "GET /unknown",
    ] {
        for headers in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", "null")],
            &[("Origin", "http://localhost.evil.example:3000")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
            &[("Sec-Fetch-Site", "cross-site"), ("Referer", "https://evil.example/")],
            // Browsers of before `Sec-Fetch-Site`.
            &[("Referer", "https://evil.example/")],
            // A form, and a preflight.
            &[("Origin", "https://evil.example"), ("Content-Type", "text/plain")],
            &[
                ("Origin", "https://evil.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Private-Network", "true"),
            ],
            &[
                ("Sec-Fetch-Site", "cross-site"),
                ("Sec-Fetch-Mode", "navigate"),
                ("Sec-Fetch-Dest", "iframe"),
            ],
        ] {
            let replied = served.send(request, headers, "");
            assert_eq!(replied.status, 403, "{request} {headers:?}: {}", replied.text());
            assert!(replied.header("access-control-allow-origin").is_empty());
            assert!(replied.header("access-control-allow-private-network").is_empty());
        }
    }
    let replied = served.send("POST /hello", &[("Origin", "https://evil.example")], "");
    let message = replied.json()["message"].as_str().expect("a text").to_owned();
    assert_eq!(
        message,
        "a page of https://evil.example may not call functions here; if it is yours, start \
         `rhambda dev` with `--allow-origin https://evil.example`"
    );
    assert_eq!(served.send("GET /hello", &[], "").text(), "done");
    let log = served.log_with("it ran", 1);
    assert_eq!(log.matches("it ran").count(), 1, "{log}");
    assert_eq!(log.matches(&message).count(), 1, "each kind is told once: {log}");
    assert!(log.contains("refused "), "{log}");
}

#[test]
fn names_that_were_led_here_run_no_function() {
    let served = Served::of(&[("hello.rhai", EFFECT)], &[]);
    for host in
        ["evil.example:3000", "localhost.evil.example", "192.168.1.5:3000", "", "a, localhost"]
    {
        for request in ["GET /hello", INVOKE, "GET /", "GET /_rhambda/", "GET /_rhambda/functions"]
        {
            let replied = Client::to(served.address()).send_to(host, request, &[], "");
            assert_eq!(replied.status, 403, "{host} {request}");
        }
    }
    let replied =
        Client::to(served.address()).send_to("my-laptop.local:3000", "GET /hello", &[], "");
    assert!(replied.text().contains("`--allow-host my-laptop.local`"), "{}", replied.text());
    for host in
        ["localhost", "LOCALHOST:3000", "app.localhost:3000", "127.0.0.1:3000", "[::1]:3000"]
    {
        let replied = Client::to(served.address()).send_to(host, "GET /hello", &[], "");
        assert_eq!((replied.status, replied.text().as_str()), (200, "done"), "{host}");
    }
}

#[test]
fn front_ends_on_this_machine_call_functions() {
    let served = Served::of(&[("hello.rhai", EFFECT)], &[]);
    for headers in [
        &[][..],
        &[("Origin", "http://localhost:5173"), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", "http://127.0.0.1:8080"), ("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "cross-site"), ("Referer", "http://localhost:5173/")],
        &[("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")],
        &[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:3000")],
    ] {
        for request in ["GET /hello", "POST /hello", "OPTIONS /hello"] {
            let replied = served.send(request, headers, "");
            assert_eq!(replied.status, 200, "{request} {headers:?}: {}", replied.text());
            assert_eq!(
                replied.header("access-control-allow-origin"),
                ["*"],
                "as the function says"
            );
        }
    }
}

#[test]
fn what_is_allowed_by_a_flag_is_answered() {
    let served = Served::of(
        &[("hello.rhai", EFFECT)],
        &[
            "--allow-host",
            ".tunnel.example",
            "--allow-origin",
            "https://app.example",
            "--allow-origin",
            "null",
        ],
    );
    let host = "a1b2.tunnel.example";
    let by_name = |request: &str, headers: &[(&str, &str)]| {
        Client::to(served.address()).send_to(host, request, headers, "{}").status
    };
    assert_eq!(by_name("POST /hello", &[]), 200);
    assert_eq!(by_name("POST /hello", &[("Origin", "https://a1b2.tunnel.example")]), 200);
    assert_eq!(by_name(INVOKE, &[]), 200);
    assert_eq!(by_name("GET /_rhambda/functions", &[]), 403, "not the sources");
    assert_eq!(by_name("POST /hello", &[("Origin", "https://evil.example")]), 403);
    let asks = [
        ("Origin", "https://app.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Access-Control-Request-Private-Network", "true"),
    ];
    let replied = served.send("OPTIONS /hello", &asks, "");
    assert_eq!(replied.status, 200);
    assert_eq!(replied.header("access-control-allow-private-network"), ["true"]);
    assert_eq!(served.send("POST /hello", &[("Origin", "null")], "").status, 200);
    assert_eq!(
        served.send("POST /hello", &[("Origin", "https://app.example:8443")], "").status,
        403
    );
}

#[test]
fn a_link_of_another_site_is_a_page_that_says_where_it_leads() {
    let served = Served::of(&[("hello.rhai", EFFECT)], &[]);
    let link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
        ("Accept", "text/html"),
    ];
    let replied = served.send("GET /hello/delete?code=%22%3E&all=1", &link, "");
    assert_eq!(replied.status, 403);
    let page = replied.text();
    assert!(page.contains("href=\"/hello/delete?code=%22%3E&amp;all=1\""), "{page}");
    assert!(replied.header("content-security-policy")[0].contains("frame-ancestors 'none'"));
    // The console is there to be led to.
    assert_eq!(served.send("GET /", &link, "").status, 200);
    assert_eq!(served.send("GET /_rhambda/", &link, "").status, 200);
    assert_eq!(served.send("GET /_rhambda/functions", &link, "").status, 403);
    // Following the link is the person's own.
    let followed = [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "navigate")];
    assert_eq!(served.send("GET /hello/delete", &followed, "").text(), "done");
    assert_eq!(served.log_with("it ran", 1).matches("it ran").count(), 1);
}
