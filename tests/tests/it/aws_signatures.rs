//! Signature Version 4 against the test vectors that AWS publishes, and against AWS's own crate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials as TheirCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use rhambda_runtime::aws::Credentials;
use rhambda_runtime::aws::sigv4::{self, Scope, Style, Unsigned};
use serde_json::Value;

/// The folder of the vectors, in the source of the crate.
fn vectors() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON of cargo");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|package| package["name"] == "aws-sigv4");
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let folder = Path::new(manifest.expect("the crate")).parent().expect("its folder");
    folder.join("aws-signing-test-suite/v4")
}

/// The request of a vector.
struct Parsed {
    method: String,
    target: String,
    host: String,
    headers: Vec<(String, String)>,
    body: String,
}

fn parsed(text: &str) -> Parsed {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let first = lines.next().expect("a first line");
    let (method, rest) = first.split_once(' ').expect("a method");
    let target = rest.strip_suffix(" HTTP/1.1").expect("a version");
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.starts_with(' ') {
            // The second line of a value.
            true => {
                let (_, value) = headers.last_mut().expect("a header before");
                value.push(' ');
                value.push_str(line.trim());
            }
            false => {
                let (name, value) = line.split_once(':').expect("a header");
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
    }
    let is = |(name, _): &&(String, String), wanted: &str| name.eq_ignore_ascii_case(wanted);
    let host = headers.iter().find(|header| is(header, "host")).expect("a host").1.trim().into();
    headers.retain(|header| !is(&header, "host") && !is(&header, "x-amz-date"));
    Parsed { method: method.into(), target: target.into(), host, headers, body: body.into() }
}

fn percent_decoded(text: &str) -> String {
    text.replace("%20", " ")
}

#[test]
fn signatures_are_those_of_the_published_test_vectors() {
    let folder = vectors();
    let mut seen = 0;
    for entry in fs::read_dir(&folder).expect("the vectors") {
        let folder = entry.expect("an entry").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let read = |file: &str| fs::read_to_string(folder.join(file));
        let mut request = parsed(&read("request.txt").expect("a request"));
        let context: Option<Value> =
            read("context.json").ok().map(|text| serde_json::from_str(&text).expect("JSON"));
        let text = |field: &Value| field.as_str().map(str::to_owned);
        let (credentials, style, stamp, scope, omits_token) = match &context {
            Some(context) => {
                let given = &context["credentials"];
                let credentials = Credentials {
                    access_key_id: text(&given["access_key_id"]).expect("a key"),
                    secret_access_key: text(&given["secret_access_key"]).expect("a secret"),
                    session_token: text(&given["token"]),
                    expires: None,
                };
                let flag = |name: &str| context[name].as_bool().unwrap_or_default();
                let style = Style {
                    is_normalized: flag("normalize"),
                    is_encoded_twice: true,
                    has_hash: flag("sign_body"),
                };
                let time = text(&context["timestamp"]).expect("a time").replace(['-', ':'], "");
                let scope = Scope {
                    service: text(&context["service"]).expect("a service"),
                    region: text(&context["region"]).expect("a region"),
                };
                // These paths are encoded once in all: what is on the wire is not encoded.
                request.target = percent_decoded(&request.target);
                (credentials, style, time, scope, flag("omit_session_token"))
            }
            // Those that the crate has besides, for paths that are encoded twice.
            None => {
                let credentials = Credentials {
                    access_key_id: "ANOTREAL".into(),
                    secret_access_key: "notrealrnrELgWzOk3IfjzDKtFBhDby".into(),
                    session_token: None,
                    expires: None,
                };
                let style = Style { is_normalized: true, is_encoded_twice: true, has_hash: false };
                let expected = read("header-canonical-request.txt").expect("its canonical text");
                let canonical = expected.lines().find_map(|line| line.strip_prefix("x-amz-date:"));
                let scope = Scope { service: "service".into(), region: "us-east-1".into() };
                (credentials, style, canonical.expect("a date").to_owned(), scope, false)
            }
        };
        let shown = match omits_token {
            // The token is added behind the signature, so it is as if there were none.
            true => Credentials { session_token: None, ..credentials.clone() },
            false => credentials.clone(),
        };
        let hash = sigv4::hash(request.body.as_bytes());
        let unsigned = Unsigned {
            method: &request.method,
            host: &request.host,
            target: &request.target,
            headers: &request.headers,
            body_hash: &hash,
            style,
        };
        let added = sigv4::sign(unsigned, &shown, &scope, &stamp);
        let authorization = &added.last().expect("a signature").1;
        let signature = authorization.rsplit('=').next().expect("a signature");
        match read("header-signature.txt") {
            Ok(expected) => assert_eq!(signature, expected.trim(), "{name}: {authorization}"),
            // Without a signature in its folder: the one of its canonical text.
            Err(_) => {
                let canonical = read("header-canonical-request.txt").expect("its canonical text");
                let expected = signature_of(&canonical, &credentials, &scope, &stamp);
                assert_eq!(signature, expected, "{name}: {authorization}");
            }
        }
        seen += 1;
        let (Ok(expected), Some(context)) = (read("query-signature.txt"), &context) else {
            continue;
        };
        let seconds = context["expiration_in_seconds"].as_u64().expect("a length");
        let length = Duration::from_secs(seconds);
        let query = sigv4::presigned_query(unsigned, &shown, &scope, &stamp, length);
        let signature = query.rsplit('=').next().expect("a signature");
        assert_eq!(signature, expected.trim(), "{name}: {query}");
        seen += 1;
    }
    // 38 with a header and a query each, and the two of the crate.
    assert_eq!(seen, 78);
}

/// The signature of a canonical text, by the crate.
fn signature_of(canonical: &str, credentials: &Credentials, scope: &Scope, stamp: &str) -> String {
    let hash = sigv4::hash(canonical.as_bytes());
    let scoped = format!("{}/{}/{}/aws4_request", &stamp[..8], scope.region, scope.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scoped}\n{hash}");
    let time = time_of(stamp);
    let secret = &credentials.secret_access_key;
    let key = v4::generate_signing_key(secret, time, &scope.region, &scope.service);
    v4::calculate_signature(key, to_sign.as_bytes())
}

/// The moment of a stamp.
fn time_of(stamp: &str) -> SystemTime {
    let days = (0..40_000u64).find(|day| {
        sigv4::stamp(UNIX_EPOCH + Duration::from_secs(day * 86_400)).starts_with(&stamp[..8])
    });
    let number = |range: std::ops::Range<usize>| stamp[range].parse::<u64>().expect("a number");
    let seconds = number(9..11) * 3600 + number(11..13) * 60 + number(13..15);
    UNIX_EPOCH + Duration::from_secs(days.expect("a day") * 86_400 + seconds)
}

/// Requests by chance, always the same.
struct Maker(fastrand::Rng);

impl Maker {
    fn one_of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.0.usize(..all.len())]
    }

    fn joined(&mut self, most: usize, all: &[&str]) -> String {
        (0..self.0.usize(..=most)).map(|_| self.one_of(all)).collect()
    }

    fn path(&mut self) -> String {
        let parts = [
            "",
            "",
            ".",
            "..",
            "a",
            "b.c",
            "...",
            "photos",
            "%20",
            "a%2Fb",
            "%C3%A9",
            "%25",
            "%7E",
            "~",
            "-_.~",
            "@connections",
            "a:b",
            "x=y",
            "a+b",
            "(1)",
            "!$&'*,;",
            "%2e%2e",
            "%2E",
            "arn%3Aaws%3Alambda",
            "index.html",
            "9",
        ];
        let mut path = String::new();
        for _ in 0..self.0.usize(..6) {
            path.push('/');
            path.push_str(&self.joined(2, &parts));
        }
        if path.is_empty() || self.0.bool() {
            path.push('/');
        }
        path
    }

    fn query(&mut self) -> String {
        let names =
            ["a", "A", "b", "aa", "list-type", "x%20y", "%C3%A9", "X-Amz-Meta", "", "a%2B", "~"];
        let values = [
            "",
            "1",
            "2",
            "a+b",
            "%2B",
            "%20",
            "%E2%82%AC",
            "x%3Dy",
            "a%26b",
            "%7e",
            "~",
            "/",
            "a/b",
            "?",
            ":@",
            "%25",
            "100%25",
            "=",
            "1=2",
            "'",
            "(x)*",
            "z,y",
        ];
        let mut pairs = Vec::new();
        for _ in 0..self.0.usize(..6) {
            let name = self.joined(2, &names);
            match self.0.u8(..6) {
                0 => pairs.push(name),
                1 => pairs.push(String::new()),
                2 if !pairs.is_empty() => pairs.push(pairs[0].clone()),
                _ => pairs.push(format!("{name}={}", self.joined(3, &values))),
            }
        }
        pairs.join("&")
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        let names = [
            "content-type",
            "X-Amz-Target",
            "x-amz-meta-a",
            "X-AMZ-META-A",
            "x-amz-acl",
            "Accept",
            "range",
            "If-Match",
            "x-custom",
            "X-Custom",
            "content-md5",
            "user-agent",
            "x-amzn-trace-id",
            "zz",
            "Content-Length",
        ];
        let values = [
            "a",
            " ",
            "  ",
            "    ",
            "b",
            "\"a   b\"",
            "\t",
            "x,y",
            "=",
            "application/json; charset=utf-8",
            "0",
        ];
        let mut headers = Vec::new();
        for _ in 0..self.0.usize(..7) {
            // A tab at an end is taken away where the header is read.
            let value =
                format!("{}{}x", self.one_of(&["y", " y", "   y"]), self.joined(5, &values));
            headers.push((self.one_of(&names).to_owned(), value + self.one_of(&["", " ", "   "])));
        }
        headers
    }
}

#[test]
fn ten_thousand_requests_have_the_signatures_of_aws_own_crate() {
    let mut maker = Maker(fastrand::Rng::with_seed(14));
    for number in 0..10_000 {
        let is_s3 = maker.0.bool();
        let service = match is_s3 {
            true => "s3",
            false => maker.one_of(&["dynamodb", "lambda", "execute-api", "sts"]),
        };
        let scope = Scope {
            service: service.to_owned(),
            region: maker.one_of(&["us-east-1", "eu-west-1", "us-gov-west-1"]).to_owned(),
        };
        let (path, query) = (maker.path(), maker.query());
        let target = match query.is_empty() && maker.0.bool() {
            true => path,
            false => format!("{path}?{query}"),
        };
        let (scheme, host) = match maker.0.u8(..4) {
            0 => ("http", "127.0.0.1:4566"),
            1 => ("https", "example.amazonaws.com:8443"),
            2 => ("http", "[::1]:9000"),
            _ => ("https", "example.amazonaws.com"),
        };
        let headers = maker.headers();
        let method = maker.one_of(&["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]);
        let body: Vec<u8> = (0..maker.0.usize(..40)).map(|_| maker.0.u8(..)).collect();
        let is_unsigned = is_s3 && maker.0.u8(..5) == 0;
        let token = maker.0.bool().then(|| maker.joined(9, &["Fwo", "Gz+", "/", "==", "a b", "X"]));
        let token =
            token.filter(|token| !token.trim().is_empty()).map(|token| token.trim().to_owned());
        let seconds = maker.0.u64(946_684_800..4_102_444_800);
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let is_query = maker.0.bool();
        let length = Duration::from_secs(maker.0.u64(1..604_800));
        let ours = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: token.clone(),
            expires: None,
        };
        let hash = match is_unsigned {
            true => sigv4::UNSIGNED.to_owned(),
            false => sigv4::hash(&body),
        };
        let unsigned = Unsigned {
            method,
            host,
            target: &target,
            headers: &headers,
            body_hash: &hash,
            style: scope.style(),
        };
        let stamp = sigv4::stamp(time);

        let mut settings = SigningSettings::default();
        if is_s3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if is_query {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(length);
        }
        let identity = TheirCredentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token,
            None,
            "test",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&scope.region)
            .name(&scope.service)
            .time(time)
            .settings(settings)
            .build()
            .expect("parameters")
            .into();
        let theirs = SignableRequest::new(
            method,
            format!("{scheme}://{host}{target}"),
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            match is_unsigned {
                true => SignableBody::UnsignedPayload,
                false => SignableBody::Bytes(&body),
            },
        );
        let theirs = theirs.unwrap_or_else(|error| panic!("{number}: {target}: {error:?}"));
        let signed = sign(theirs, &parameters).expect("a signature");
        let (instructions, expected) = signed.into_parts();
        let (their_headers, their_query) = instructions.into_parts();
        let about = format!("request {number}: {service} {method} {target} {headers:?} {is_query}");
        if is_query {
            let query = sigv4::presigned_query(unsigned, &ours, &scope, &stamp, length);
            assert_eq!(query.rsplit('=').next(), Some(expected.as_str()), "{about}");
            for (name, value) in their_query {
                let pair = format!("{name}={}", sigv4::encoded(&value, false));
                assert!(query.split('&').any(|known| known == pair), "{about}: {pair}: {query}");
            }
        } else {
            let added = sigv4::sign(unsigned, &ours, &scope, &stamp);
            for header in &their_headers {
                let found = added.iter().find(|(name, _)| name == header.name());
                let found = found.map(|(_, value)| value.as_str());
                assert_eq!(found, Some(header.value()), "{about}: {}", header.name());
            }
            assert_eq!(added.len(), their_headers.len(), "{about}");
        }
    }
}
