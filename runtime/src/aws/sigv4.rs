//! Signature Version 4: how a request to AWS says who sends it.
//!
//! The rules are those of "Signing AWS API requests" in the IAM User Guide. A request is reduced to one
//! canonical text; a key that is good for one day, region and service signs its hash.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use ring::{digest, hmac};

use super::Credentials;
use crate::logging;

/// How long the longest presigned URL is good for.
pub const LONGEST_PRESIGNED: Duration = Duration::from_secs(7 * 24 * 3600);

/// What stands for the hash of a body that is not signed.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The hash of an empty body.
pub const HASH_OF_NOTHING: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Headers that are not signed: what a proxy or the client itself changes on the way.
const UNSIGNED_HEADERS: [&str; 8] = [
    "authorization",
    "accept-encoding",
    "connection",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// For whom a signature is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The service's signing name, such as `dynamodb`.
    pub service: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

impl Scope {
    /// S3 takes paths as they are: encoded once, with their dots and empty parts, and wants the hash of
    /// the body in a header.
    #[must_use]
    pub fn is_s3(&self) -> bool {
        ["s3", "s3express", "s3-object-lambda", "s3-outposts"].contains(&self.service.as_str())
    }

    /// What the service wants.
    #[must_use]
    pub fn style(&self) -> Style {
        let is_s3 = self.is_s3();
        Style { is_normalized: !is_s3, is_encoded_twice: !is_s3, has_hash: is_s3 }
    }
}

/// How the path and the body of a request stand in its canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The path is without `.`, `..` and empty parts.
    pub is_normalized: bool,
    /// The path is encoded once more than it is on the wire.
    pub is_encoded_twice: bool,
    /// The hash of the body is in a header.
    pub has_hash: bool,
}

/// The parts of a request that a signature is of.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// `GET` and so on.
    pub method: &'a str,
    /// The host as the header has it: with its port where that is not the scheme's own.
    pub host: &'a str,
    /// Path and query as they go over the wire.
    pub target: &'a str,
    /// Names in any case, in their order; without `host`.
    pub headers: &'a [(String, String)],
    /// The hash of the body in hex, or [`UNSIGNED`].
    pub body_hash: &'a str,
    /// As the service wants it.
    pub style: Style,
}

/// The SHA-256 of bytes in hex, as a signature has it.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The moment as signatures write it: `20150830T123600Z`.
#[must_use]
pub fn stamp(now: SystemTime) -> String {
    let text = logging::timestamp(now);
    let seconds = text.split('.').next().unwrap_or_default();
    let mut stamp: String = seconds.chars().filter(|letter| !"-:".contains(*letter)).collect();
    stamp.push('Z');
    stamp
}

/// The headers to add to a request so that it is signed: `x-amz-date`, `x-amz-security-token` where the
/// credentials have one, `x-amz-content-sha256` where the style has it, and `authorization`.
#[must_use]
pub fn sign(
    request: Unsigned,
    credentials: &Credentials,
    scope: &Scope,
    stamp: &str,
) -> Vec<(String, String)> {
    let mut added = vec![("x-amz-date".to_owned(), stamp.to_owned())];
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token".to_owned(), token.clone()));
    }
    if request.style.has_hash {
        added.push(("x-amz-content-sha256".to_owned(), request.body_hash.to_owned()));
    }
    let headers: Vec<(String, String)> =
        request.headers.iter().chain(&added).map(|header| header.to_owned()).collect();
    let canonical = Canonical::of(&Unsigned { headers: &headers, ..request });
    let signature = canonical.signature(credentials, scope, stamp);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        scoped(scope, stamp),
        canonical.signed_headers
    );
    added.push(("authorization".to_owned(), authorization));
    added
}

/// The query that a presigned URL has, its signature last. The headers of the request have to be sent as
/// they are here.
#[must_use]
pub fn presigned_query(
    request: Unsigned,
    credentials: &Credentials,
    scope: &Scope,
    stamp: &str,
    good_for: Duration,
) -> String {
    let (path, query) = split(request.target);
    let signed_headers = signed_headers(&collected(&request));
    let mut pairs: Vec<String> = vec![
        format!("X-Amz-Algorithm={ALGORITHM}"),
        format!(
            "X-Amz-Credential={}",
            encoded(&format!("{}/{}", credentials.access_key_id, scoped(scope, stamp)), false)
        ),
        format!("X-Amz-Date={stamp}"),
        format!("X-Amz-Expires={}", good_for.as_secs()),
        format!("X-Amz-SignedHeaders={}", encoded(&signed_headers, false)),
    ];
    if let Some(token) = &credentials.session_token {
        pairs.push(format!("X-Amz-Security-Token={}", encoded(token, false)));
    }
    if !query.is_empty() {
        pairs.insert(0, query.to_owned());
    }
    let query = pairs.join("&");
    let target = format!("{path}?{query}");
    let canonical = Canonical::of(&Unsigned { target: &target, ..request });
    let signature = canonical.signature(credentials, scope, stamp);
    format!("{query}&X-Amz-Signature={signature}")
}

/// Percent-encodes everything but letters, digits and `-._~`; and `/`, where that stays.
#[must_use]
pub fn encoded(text: &str, keeps_slashes: bool) -> String {
    encoded_bytes(text.as_bytes(), keeps_slashes)
}

fn encoded_bytes(bytes: &[u8], keeps_slashes: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            b'/' if keeps_slashes => out.push('/'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

fn scoped(scope: &Scope, stamp: &str) -> String {
    format!("{}/{}/{}/aws4_request", &stamp[..8], scope.region, scope.service)
}

fn split(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// A request in the one form that both sides make of it.
struct Canonical {
    text: String,
    signed_headers: String,
}

impl Canonical {
    fn of(request: &Unsigned) -> Self {
        let (path, query) = split(request.target);
        let path = match request.style.is_normalized {
            true => without_dots(path),
            false => path.to_owned(),
        };
        let path = match request.style.is_encoded_twice {
            true => encoded(&path, true),
            false => path,
        };
        let headers = collected(request);
        let signed_headers = signed_headers(&headers);
        let mut text = format!("{}\n{path}\n{}\n", request.method, canonical_query(query));
        for (name, value) in &headers {
            let _ = writeln!(text, "{name}:{value}");
        }
        let _ = write!(text, "\n{signed_headers}\n{}", request.body_hash);
        Self { text, signed_headers }
    }

    fn signature(&self, credentials: &Credentials, scope: &Scope, stamp: &str) -> String {
        let to_sign = format!(
            "{ALGORITHM}\n{stamp}\n{}\n{}",
            scoped(scope, stamp),
            hash(self.text.as_bytes())
        );
        let first = format!("AWS4{}", credentials.secret_access_key);
        let parts = [&stamp[..8], &scope.region, &scope.service, "aws4_request", &to_sign];
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes());
        for part in &parts[..4] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        hex(hmac::sign(&key, parts[4].as_bytes()).as_ref())
    }
}

/// The headers that are signed, sorted, each once: values of one name are joined in their order.
fn collected(request: &Unsigned) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = vec![("host".into(), request.host.into())];
    for (name, value) in request.headers {
        let name = name.to_ascii_lowercase();
        if UNSIGNED_HEADERS.contains(&name.as_str()) || name == "host" {
            continue;
        }
        let value = value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let value = value.trim().to_owned();
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => {
                known.push(',');
                known.push_str(&value);
            }
            None => headers.push((name, value)),
        }
    }
    headers.sort();
    headers
}

fn signed_headers(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

/// Pairs in the order of their encoded bytes. One that has no `=` gets one.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recoded(name), recoded(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Encodes what may be encoded already, so that `%7e` and `~` are the same.
fn recoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match digit(at + 1).zip(digit(at + 2)) {
            Some((high, low)) if byte == b'%' => {
                plain.push((high << 4 | low) as u8);
                at += 3;
            }
            // In a query it is a space for those who read it.
            _ => {
                plain.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    encoded_bytes(&plain, false)
}

/// A path without `.`, `..` and empty parts (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let ends_in_folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let end = if ends_in_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn stamps_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(stamp(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
