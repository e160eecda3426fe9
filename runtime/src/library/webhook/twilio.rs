//! Requests of Twilio, which are signed by their URL and their form:
//! <https://www.twilio.com/docs/usage/security>.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rhai::{Array, Dynamic, Map};
use ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;

use super::no_secret;
use crate::bounds::{self, Bounded, room_for};
use crate::effects::Failure;
use crate::library::crypto::{Bytes, hmac_of, is_equal, sha256_hex};
use crate::library::plain_text;

/// The fields of a form, in the order in which they are signed.
type Fields = BTreeMap<String, BTreeSet<String>>;

/// Whether Twilio signed a request.
pub(super) fn is_signed(
    auth_token: Dynamic,
    url: &str,
    body: Dynamic,
    signature: &str,
) -> Bounded<bool> {
    const FUNCTION: &str = "webhook::twilio";
    let auth_token = Bytes::of(FUNCTION, "auth_token", auth_token)?;
    if auth_token.as_ref().is_empty() {
        return Err(no_secret(FUNCTION, "auth_token"));
    }
    // Nothing longer is decoded than a signature.
    let signature = (signature.len() == 28).then(|| BASE64_STANDARD.decode(signature));
    let Some(Ok(signature)) = signature else { return Ok(false) };
    let body = body.flatten();
    let said_hash = query_value(url, "bodySHA256");
    let fields = if let Some(map) = body.read_lock::<Map>() {
        of_map(&map)?
    } else if body.is_unit() {
        Fields::new()
    } else {
        let body = Bytes::of(FUNCTION, "body", body)?;
        bounds::step(body.as_ref().len())?;
        match said_hash {
            // The body is no form, and the URL vouches for it.
            Some(said) => {
                if !is_equal(sha256_hex(body.as_ref()).as_bytes(), said.to_lowercase().as_bytes()) {
                    return Ok(false);
                }
                Fields::new()
            }
            None => of_form(body.as_ref())?,
        }
    };
    let mut form: Vec<&[u8]> = Vec::new();
    for (name, values) in &fields {
        for value in values {
            form.extend([name.as_bytes(), value.as_bytes()]);
        }
    }
    // Whether the port was in the URL that was signed, nobody knows.
    let is_signed = [url.to_owned(), other_port(url)].iter().any(|url| {
        let parts: Vec<&[u8]> = [url.as_bytes()].into_iter().chain(form.iter().copied()).collect();
        let tag = hmac_of(HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_ref(), &parts);
        is_equal(&signature, tag.as_ref())
    });
    Ok(is_signed)
}

fn of_map(map: &Map) -> Bounded<Fields> {
    let mut fields = Fields::new();
    for (name, value) in map {
        let mut values = BTreeSet::new();
        let mut add = |value: &Dynamic| -> Bounded<()> {
            let text = plain_text(value).ok_or_else(|| {
                let message = format!(
                    "webhook::twilio: the field `{name}` is text or an array of texts, not {}",
                    value.type_name()
                );
                Failure::new("Webhook.InvalidArgument", message)
            })?;
            room_for(text.len() + 256, 2)?;
            values.insert(text);
            Ok(())
        };
        match value.read_lock::<Array>() {
            Some(several) => several.iter().try_for_each(add)?,
            None => add(value)?,
        }
        fields.insert(name.to_string(), values);
    }
    Ok(fields)
}

/// The fields of `application/x-www-form-urlencoded`.
fn of_form(body: &[u8]) -> Bounded<Fields> {
    let mut fields = Fields::new();
    let text = String::from_utf8_lossy(body);
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        bounds::step(pair.len() + 64)?;
        room_for(pair.len() + 512, 2)?;
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |part: &str| {
            let bytes = crate::library::http::percent_decoded(&part.replace('+', " "));
            String::from_utf8_lossy(&bytes).into_owned()
        };
        fields.entry(decoded(name)).or_default().insert(decoded(value));
    }
    Ok(fields)
}

fn query_value<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let query = url.split_once('?')?.1.split('#').next()?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The URL with its port, or without it.
fn other_port(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let port = if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 };
    match authority.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{scheme}://{host}{path}")
        }
        _ => format!("{scheme}://{authority}:{port}{path}"),
    }
}
