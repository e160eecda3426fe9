//! `url`: percent-encoding, the parts of a URL and its query (RFC 3986, and the `+` of forms).

use std::borrow::Cow;
use std::fmt::Write;

use rhai::plugin::*;
use rhai::{Array, Dynamic, Engine, INT, ImmutableString, Map};

use super::native::exported;
use super::{Part, counted, grow, malformed};
use crate::bounds::{self, Bounded, room_for};
use crate::vocabulary::Vocabulary;

/// The type of what a text throws that is no URL.
const MALFORMED: &str = "Url.Malformed";

pub(super) const PART: Part = Part { words: &["url"], register };

/// About what one parameter of a query takes in a map.
const PARAMETER: usize = size_of::<Dynamic>() + 64;

fn register(engine: &mut Engine, vocabulary: &Vocabulary) {
    exported!(functions).register_in("url", "Url.Invalid", engine, vocabulary);
}

/// The parts of URLs, their queries and percent-encoding.
#[allow(clippy::unwrap_used)] // What the macro writes has it.
#[export_module(manifest)]
mod functions {
    /// Text as one component of a URL: all but letters, digits and `-._~` as `%` and two digits (RFC
    /// 3986, section 2).
    ///
    /// ```rhai
    /// url::encode("a b/ü"); // => "a%20b%2F%C3%BC"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn encode(text: &str) -> Bounded<ImmutableString> {
        super::encode(text)
    }

    /// The text behind a component of a URL; a `+` stays one.
    ///
    /// ```rhai
    /// url::decode("a%20b%2F%C3%BC+1"); // => "a b/ü+1"
    /// ```
    #[rhai_fn(return_raw)]
    pub fn decode(text: &str) -> Bounded<ImmutableString> {
        super::decode(text)
    }

    /// The scheme, username, password, host, port, path, query and fragment of a
    /// URL; `()` for what it does not have. The query is a map as of `url::parse_query`; username,
    /// password, host and fragment are decoded, and the path is as it was written, since a decoded `/`
    /// would become a separator. A relative reference has no scheme and no host.
    ///
    /// ```rhai
    /// let u = url::parse("https://ann@shop.example:8443/a%20b?tag=x&tag=y&q=1#top");
    /// [u.scheme, u.username, u.host, u.port]; // => ["https", "ann", "shop.example", 8443]
    /// [u.path, u.query, u.fragment]; // => ["/a%20b", {"tag": ["x", "y"], "q": "1"}, "top"]
    /// url::parse("/orders").host; // => null
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse(text: &str) -> Bounded<Map> {
        super::parse(text)
    }

    /// The URL of the parts that `url::parse` gives; what is missing or `()` is left
    /// out. Each part is encoded; `%` and two digits in the path stay as they are. The query is a map
    /// as for `url::query`, or text that is taken as it is.
    ///
    /// ```rhai
    /// url::build(#{scheme: "https", host: "shop.example", path: "/a b", query: #{q: "ü"}}); // => "https://shop.example/a%20b?q=%C3%BC"
    /// url::build(url::parse("http://[::1]:80/x?a=1#f")); // => "http://[::1]:80/x?a=1#f"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn build(parts: &mut Map) -> Bounded<ImmutableString> {
        super::build(parts)
    }

    /// A map as the query of a URL or the body of a form: keys in their order, an
    /// array as its key again for each item, `()` not at all. Values are text, chars, numbers and
    /// bools.
    ///
    /// ```rhai
    /// url::query(#{q: "a&b", tag: ["x", "y"], page: 2}); // => "page=2&q=a%26b&tag=x&tag=y"
    /// ```
    #[rhai_fn(pure, return_raw)]
    pub fn query(parameters: &mut Map) -> Bounded<ImmutableString> {
        super::query(parameters)
    }

    /// The parameters of a query or of a form's body, decoded, with `+` as a
    /// space; a key that is there again has all its values in an array. A leading `?` is left out.
    ///
    /// ```rhai
    /// url::parse_query("q=a+b%26c&tag=x&tag=y&flag"); // => {"q": "a b&c", "tag": ["x", "y"], "flag": ""}
    /// ```
    #[rhai_fn(return_raw)]
    pub fn parse_query(text: &str) -> Bounded<Map> {
        super::parse_query(text)
    }
}

fn encode(text: &str) -> Bounded<ImmutableString> {
    let mut out = String::new();
    push_encoded(&mut out, text, b"")?;
    Ok(out.into())
}

fn decode(text: &str) -> Bounded<ImmutableString> {
    room_for(text.len(), 1)?;
    Ok(decoded(text)?.into_owned().into())
}

fn parse(text: &str) -> Bounded<Map> {
    room_for(text.len(), 4)?;
    let stray = |(_, character): &(usize, char)| {
        character.is_ascii_control() || " \"<>\\".contains(*character)
    };
    if let Some((offset, character)) = text.char_indices().find(stray) {
        let message = format!(
            "this is not a URL: {character:?} at offset {offset} has to be encoded, as by \
             `url::encode`"
        );
        return Err(malformed(MALFORMED, message, [("offset", counted(offset))]));
    }
    let (rest, fragment) = split_off(text, '#');
    let (rest, query) = split_off(rest, '?');
    let (scheme, rest) = scheme_of(rest)?;
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(Authority::parse(authority)?), path)
        }
        None => (None, rest),
    };
    let authority = authority.unwrap_or_default();
    let query = query.map(parse_query).transpose()?;
    Ok(Map::from_iter([
        ("scheme".into(), scheme.map(str::to_ascii_lowercase).map_or(Dynamic::UNIT, Into::into)),
        ("username".into(), component(authority.username)?),
        ("password".into(), component(authority.password)?),
        ("host".into(), component(authority.host)?),
        ("port".into(), authority.port.map_or(Dynamic::UNIT, |port| INT::from(port).into())),
        ("path".into(), path.into()),
        ("query".into(), query.map_or(Dynamic::UNIT, Dynamic::from_map)),
        ("fragment".into(), component(fragment)?),
    ]))
}

fn build(parts: &Map) -> Bounded<ImmutableString> {
    const PARTS: [&str; 8] =
        ["scheme", "username", "password", "host", "port", "path", "query", "fragment"];
    if let Some(stray) = parts.keys().find(|name| !PARTS.contains(&name.as_str())) {
        return Err(
            format!("a URL has no part `{stray}`; its parts are {}", PARTS.join(", ")).into()
        );
    }
    let mut out = String::new();
    if let Some(scheme) = part(parts, "scheme")? {
        if !is_scheme(&scheme) {
            return Err(format!("{scheme:?} is no scheme of a URL, such as \"https\"").into());
        }
        out.push_str(&scheme);
        out.push(':');
    }
    let path = part(parts, "path")?.unwrap_or_default();
    match part(parts, "host")? {
        Some(host) => push_authority(&mut out, parts, &host)?,
        None => {
            for name in ["username", "password", "port"] {
                if part(parts, name)?.is_some() {
                    return Err(format!("a URL with `{name}` needs a `host` too").into());
                }
            }
            // These would be read as a host and as a scheme.
            let first = path.split('/').next().unwrap_or_default();
            if path.starts_with("//") || out.is_empty() && first.contains(':') {
                return Err(format!("the path {path:?} needs a `host` before it").into());
            }
        }
    }
    if out.ends_with(|last| last != ':') && !path.is_empty() && !path.starts_with('/') {
        out.push('/');
    }
    push_encoded(&mut out, &path, b"/%:@!$&'()*+,;=")?;
    push_query(&mut out, parts.get("query"))?;
    if let Some(fragment) = part(parts, "fragment")? {
        out.push('#');
        push_encoded(&mut out, &fragment, b"/?:@!$&'()*+,;=")?;
    }
    Ok(out.into())
}

fn query(parameters: &Map) -> Bounded<ImmutableString> {
    let mut out = String::new();
    for (key, value) in parameters {
        match value.read_lock::<Array>() {
            Some(items) => {
                items.iter().try_for_each(|item| push_parameter(&mut out, key, item))?;
            }
            None => push_parameter(&mut out, key, value)?,
        }
    }
    Ok(out.into())
}

pub(super) fn parse_query(text: &str) -> Bounded<Map> {
    parameters(text, form_decoded)
}

/// The same as servers read what a client has sent: one bad escape changes nothing else.
pub(super) fn parse_query_loosely(text: &str) -> Bounded<Map> {
    parameters(text, form_decoded_loosely)
}

fn parameters(text: &str, decode: fn(&str) -> Bounded<String>) -> Bounded<Map> {
    let text = text.strip_prefix('?').unwrap_or(text);
    room_for(text.bytes().filter(|&byte| byte == b'&').count() + 1, PARAMETER)?;
    room_for(text.len(), 1)?;
    let mut parameters = Map::new();
    for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
        bounds::step(64 + parameter.len())?;
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = Dynamic::from(ImmutableString::from(decode(value)?));
        let key = decode(key)?;
        match parameters.get_mut(key.as_str()) {
            None => {
                parameters.insert(key.into(), value);
            }
            Some(values) => {
                if !values.is_array() {
                    *values = Dynamic::from_array(vec![values.take()]);
                }
                if let Ok(mut values) = values.as_array_mut() {
                    values.push(value);
                }
            }
        }
    }
    Ok(parameters)
}

/// `[username[:password]@]host[:port]`, as they are written.
#[derive(Default)]
struct Authority<'a> {
    username: Option<&'a str>,
    password: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn parse(text: &'a str) -> Bounded<Self> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (username, password) = match user.map(|user| split_off(user, ':')) {
            Some((username, password)) => (Some(username), password),
            None => (None, None),
        };
        let end = match rest.strip_prefix('[') {
            None => rest.find(':').unwrap_or(rest.len()),
            // An address of IP version 6 has colons of its own.
            Some(_) => match rest.find(']') {
                Some(last) => last + 1,
                None => {
                    let message = format!("the host {rest:?} of the URL lacks its `]`");
                    return Err(malformed(MALFORMED, message, []));
                }
            },
        };
        let (host, port) = rest.split_at(end);
        let port = match port.strip_prefix(':') {
            Some("") => None,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                let port = digits.parse();
                Some(port.map_err(|_| malformed(MALFORMED, not_a_port(digits), []))?)
            }
            Some(digits) => return Err(malformed(MALFORMED, not_a_port(digits), [])),
            None if port.is_empty() => None,
            None => {
                let message = format!("the host {rest:?} of the URL goes on after `]`");
                return Err(malformed(MALFORMED, message, []));
            }
        };
        Ok(Self { username, password, host: Some(host), port })
    }
}

fn not_a_port(text: &str) -> String {
    format!("the port {text:?} of the URL is not a number from 0 to 65535")
}

fn push_authority(out: &mut String, parts: &Map, host: &str) -> Bounded<()> {
    out.push_str("//");
    let password = part(parts, "password")?;
    match part(parts, "username")? {
        Some(username) => {
            push_encoded(out, &username, b"")?;
            if let Some(password) = password {
                out.push(':');
                push_encoded(out, &password, b"")?;
            }
            out.push('@');
        }
        None if password.is_some() => {
            return Err("a URL with `password` needs a `username` too".into());
        }
        None => {}
    }
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address)
            if address
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.') =>
        {
            out.push_str(host);
        }
        _ => push_encoded(out, host, b"!$&'()*+,;=")?,
    }
    if let Some(port) = part(parts, "port")? {
        let port = port.parse::<u16>().map_err(|_| not_a_port(&port))?;
        let _ = write!(out, ":{port}");
    }
    Ok(())
}

fn push_query(out: &mut String, value: Option<&Dynamic>) -> Bounded<()> {
    let Some(value) = value.filter(|value| !value.is_unit()) else { return Ok(()) };
    out.push('?');
    if let Some(parameters) = value.read_lock::<Map>() {
        out.push_str(&query(&parameters)?);
        return Ok(());
    }
    match value.as_immutable_string_ref() {
        Ok(text) => push_encoded(out, &text, b"%/?:@!$&'()*+,;="),
        Err(_) => {
            Err(format!("`query` of a URL is a map or text, not {}", value.type_name()).into())
        }
    }
}

fn push_parameter(out: &mut String, key: &str, value: &Dynamic) -> Bounded<()> {
    let Some(text) = grow::scalar(value).map_err(|kind| {
        format!(
            "`{key}` of a query is text, a number, a bool or an array of them, not {kind}; JSON \
             fits in as `value.to_json()`"
        )
    })?
    else {
        return Ok(());
    };
    if !out.is_empty() {
        out.push('&');
    }
    push_encoded(out, key, b"")?;
    out.push('=');
    push_encoded(out, &text, b"")
}

/// One part of a URL, as text; none where it is missing or `()`.
fn part(parts: &Map, name: &str) -> Bounded<Option<ImmutableString>> {
    let Some(value) = parts.get(name) else { return Ok(None) };
    grow::scalar(value).map_err(|kind| format!("`{name}` of a URL is text, not {kind}").into())
}

fn component(text: Option<&str>) -> Bounded<Dynamic> {
    Ok(match text {
        Some(text) => ImmutableString::from(decoded(text)?.into_owned()).into(),
        None => Dynamic::UNIT,
    })
}

/// The text before the first `separator`, and what comes after it.
fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// The scheme, where there is one, and what comes after its colon.
fn scheme_of(text: &str) -> Bounded<(Option<&str>, &str)> {
    match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => match is_scheme(scheme) {
            true => Ok((Some(scheme), rest)),
            false => {
                let message = format!(
                    "this is not a URL: {scheme:?} before the first `:` is no scheme, such as \
                     \"https\""
                );
                Err(malformed(MALFORMED, message, []))
            }
        },
        _ => Ok((None, text)),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Adds text, encoding all but the unreserved characters and those of `kept`; a kept `%` is still
/// encoded where it does not stand before two hexadecimal digits.
fn push_encoded(out: &mut String, text: &str, kept: &[u8]) -> Bounded<()> {
    room_for(text.len(), 3)?;
    bounds::step(64)?;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        if at % 1024 == 1023 {
            bounds::step(8 * 1024)?;
        }
        let stays = match byte {
            b'-' | b'.' | b'_' | b'~' => true,
            b'%' => kept.contains(&byte) && escaped(&bytes[at..]).is_some(),
            _ => byte.is_ascii_alphanumeric() || kept.contains(&byte),
        };
        if stays {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(())
}

/// The byte that `%` and two digits at the start of this stand for.
fn escaped(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    match bytes.first() {
        Some(b'%') => u8::try_from(digit(1)? << 4 | digit(2)?).ok(),
        _ => None,
    }
}

pub(super) fn decoded(text: &str) -> Bounded<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if at % bounds::ROUND == 0 {
            bounds::in_time()?;
        }
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let value = escaped(&bytes[at..]).ok_or_else(|| {
            let message = format!(
                "the `%` at offset {at} of {} stands before no two hexadecimal digits; a `%` \
                 itself is written `%25`",
                excerpt(text)
            );
            malformed(MALFORMED, message, [("offset", counted(at))])
        })?;
        out.push(value);
        at += 3;
    }
    String::from_utf8(out).map(Cow::from).map_err(|_| {
        let message =
            format!("{} stands for bytes that are not UTF-8, so for no text", excerpt(text));
        malformed(MALFORMED, message, [])
    })
}

/// The same as clients and servers of the web read what others have sent (WHATWG, URL, 1.3): a `%`
/// before no two hexadecimal digits stays one, and bytes that are not UTF-8 become `\u{FFFD}`.
pub(super) fn decoded_loosely(text: &str) -> Bounded<Cow<'_, str>> {
    if !text.contains('%') {
        return Ok(text.into());
    }
    // What is not UTF-8 becomes three bytes.
    room_for(text.len(), 2)?;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if at % bounds::ROUND == 0 {
            bounds::in_time()?;
        }
        let value = escaped(&bytes[at..]);
        out.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    Ok(String::from_utf8_lossy(&out).into_owned().into())
}

/// The same of a field of a form, where `+` is a space.
pub(super) fn form_decoded_loosely(text: &str) -> Bounded<String> {
    match text.contains('+') {
        true => decoded_loosely(&text.replace('+', " ")).map(Cow::into_owned),
        false => decoded_loosely(text).map(Cow::into_owned),
    }
}

/// A path that is decoded as a client would have sent it.
pub(super) fn path_encoded(text: &str) -> Bounded<ImmutableString> {
    let mut out = String::new();
    push_encoded(&mut out, text, b"/:@!$&'()*+,;=")?;
    Ok(out.into())
}

/// The text behind a field of a form, where `+` is a space.
pub(super) fn form_decoded(text: &str) -> Bounded<String> {
    match text.contains('+') {
        true => decoded(&text.replace('+', " ")).map(Cow::into_owned),
        false => decoded(text).map(Cow::into_owned),
    }
}

/// Text for an error: not all of it where it is long.
fn excerpt(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}", format!("{}…", &text[..end])),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::{fails, gives, is_too_large};

    #[test]
    fn components_are_encoded_as_rfc_3986_says_and_come_back() {
        gives("url::encode(\"-._~azAZ09\")", "\"-._~azAZ09\"");
        let reserved = ":/?#[]@!$&'()*+,;=% \"";
        let encoded = "%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%20%22";
        gives(&format!("url::encode({reserved:?})"), &format!("{encoded:?}"));
        gives(&format!("url::decode({encoded:?})"), &format!("{reserved:?}"));
        // RFC 3986, section 2.5.
        gives("url::encode(\"À\" + \"ア\")", "\"%C3%80%E3%82%A2\"");
        gives("url::decode(\"%c3%80%E3%82%a2\")", "\"Àア\"");
        gives("url::encode(\"\") + url::decode(\"\")", "\"\"");
    }

    #[test]
    fn what_cannot_be_decoded_is_refused_with_the_place() {
        fails("url::decode(\"50%\")", "the `%` at offset 2");
        fails("url::decode(\"%ü1\")", "the `%` at offset 0");
        fails("url::decode(\"%+1\")", "the `%` at offset 0");
        fails("url::decode(\"%ff\")", "not UTF-8");
        fails("url::parse_query(\"a=%zz\")", "the `%` at offset 0");
        is_too_large("let s = \"\"; s.pad(200000, 'ü'); url::encode(s)");
    }

    // RFC 3986, section 1.1.2.
    #[test]
    fn the_examples_of_rfc_3986_come_apart_and_together_again() {
        for (text, parts) in [
            (
                "ftp://ftp.is.co.za/rfc/rfc1808.txt",
                r#"["ftp","ftp.is.co.za",null,"/rfc/rfc1808.txt"]"#,
            ),
            (
                "http://www.ietf.org/rfc/rfc2396.txt",
                r#"["http","www.ietf.org",null,"/rfc/rfc2396.txt"]"#,
            ),
            ("mailto:John.Doe@example.com", r#"["mailto",null,null,"John.Doe@example.com"]"#),
            (
                "news:comp.infosystems.www.servers.unix",
                r#"["news",null,null,"comp.infosystems.www.servers.unix"]"#,
            ),
            ("tel:+1-816-555-1212", r#"["tel",null,null,"+1-816-555-1212"]"#),
            ("telnet://192.0.2.16:80/", r#"["telnet","192.0.2.16",80,"/"]"#),
            (
                "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
                r#"["urn",null,null,"oasis:names:specification:docbook:dtd:xml:4.1.2"]"#,
            ),
            ("ldap://[2001:db8::7]/c=GB", r#"["ldap","[2001:db8::7]",null,"/c=GB"]"#),
            (
                "foo://example.com:8042/over/there?name=ferret#nose",
                r#"["foo","example.com",8042,"/over/there"]"#,
            ),
            ("file:///etc/hosts", r#"["file","",null,"/etc/hosts"]"#),
            ("../a:b/c", r#"[null,null,null,"../a:b/c"]"#),
            ("", r#"[null,null,null,""]"#),
        ] {
            gives(
                &format!("let u = url::parse({text:?}); [u.scheme, u.host, u.port, u.path]"),
                parts,
            );
            gives(&format!("url::build(url::parse({text:?}))"), &format!("{text:?}"));
        }
    }

    #[test]
    fn user_and_query_and_fragment_are_decoded() {
        gives(
            "url::parse(\"HTTP://a%40b:p%3Aw@h?x=1+2&y&x=%26&x=3#%C3%BC\")",
            r#"{"scheme":"http","username":"a@b","password":"p:w","host":"h","port":null,"path":"",
                "query":{"x":["1 2","&","3"],"y":""},"fragment":"ü"}"#,
        );
        gives("url::parse(\"http://h:/?\").query", "{}");
        gives("url::parse_query(\"?&&a=b=c&=d\")", r#"{"a":"b=c","":"d"}"#);
        gives("url::parse_query(\"\")", "{}");
    }

    #[test]
    fn what_is_no_url_is_refused() {
        fails("url::parse(\"http://h/a b\")", "' ' at offset 10");
        fails("url::parse(\"http://h:99999/\")", "the port \"99999\"");
        fails("url::parse(\"http://h:-1/\")", "the port \"-1\"");
        fails("url::parse(\"http://[::1/\")", "lacks its `]`");
        fails("url::parse(\"http://[::1]x/\")", "goes on after `]`");
        fails("url::parse(\"1a:b\")", "no scheme");
        fails("url::parse(\":b\")", "no scheme");
    }

    #[test]
    fn what_is_built_cannot_be_read_as_something_else() {
        gives(
            "url::build(#{scheme:\"http\",username:\"a:b\",host:\"x/y@z\",path:\"p?q#r%zz%41\"})",
            "\"http://a%3Ab@x%2Fy%40z/p%3Fq%23r%25zz%41\"",
        );
        gives("url::build(#{path:\"/a\",query:\"x=1&y=ü\"})", "\"/a?x=1&y=%C3%BC\"");
        gives("url::build(#{path:\"a/b\",fragment:\"c#d\"})", "\"a/b#c%23d\"");
        gives("url::build(#{})", "\"\"");
        fails("url::build(#{scheme:\"ht tp\"})", "no scheme");
        fails("url::build(#{path:\"//evil\"})", "needs a `host`");
        fails("url::build(#{path:\"a:b\"})", "needs a `host`");
        fails("url::build(#{port:1})", "needs a `host`");
        fails("url::build(#{host:\"h\",port:-1})", "the port \"-1\"");
        fails("url::build(#{host:\"h\",password:\"p\"})", "needs a `username`");
        fails("url::build(#{hots:\"h\"})", "no part `hots`");
        fails("url::build(#{host:[]})", "`host` of a URL is text, not array");
        fails("url::build(#{query:7})", "`query` of a URL is a map or text");
    }

    #[test]
    fn a_query_has_what_text_can_say() {
        gives("url::query(#{})", "\"\"");
        gives(
            "url::query(#{a: (), b: [], c: true, d: 1.5, e: 'ü', \"f g\": \"h+i\"})",
            "\"c=true&d=1.5&e=%C3%BC&f%20g=h%2Bi\"",
        );
        gives("const Q = #{a: 1}; [url::query(Q), Q.a]", "[\"a=1\", 1]");
        fails("url::query(#{a: #{}})", "`a` of a query");
        fails("url::query(#{a: [[1]]})", "`a` of a query");
    }
}
