//! Whether a client has a response already (RFC 9110, 8.8 and 13).

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rhai::{Dynamic, Map};
use ring::digest::{SHA256, digest};

use crate::library::Fallible;
use crate::library::events::request::header;
use crate::library::response::Response;

/// The response with an `ETag`, or 304 where the client has that one.
pub(super) fn or_not_modified(mut response: Response, request: &Map) -> Fallible<Response> {
    if response.status != 200 {
        return Ok(response);
    }
    if response.header("etag").is_none() && !response.body.is_unit() {
        let hash = response.with_bytes(|bytes| digest(&SHA256, bytes));
        // Weak, since a front may compress the body.
        let tag = format!("W/\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
        response.set("etag", &tag.into())?;
    }
    let known = header(request, "if-none-match");
    let is_known = match known.is_empty() {
        false => response.header("etag").is_some_and(|tag| names(&known, tag)),
        // The date counts only where no tag is sent.
        true => {
            let since = moment(&header(request, "if-modified-since"));
            let last = response.header("last-modified").and_then(moment);
            since.zip(last).is_some_and(|(since, last)| last <= since)
        }
    };
    if is_known {
        response.status = 304;
        response.body = Dynamic::UNIT;
        response.headers.retain(|(name, _)| !name.starts_with("content-"));
    }
    Ok(response)
}

/// Whether a list of tags has this one; weak or not is the same here.
fn names(list: &str, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let tag = plain(tag);
    list.trim() == "*" || list.split(',').any(|known| plain(known) == tag)
}

/// A date such as `Sun, 06 Nov 1994 08:49:37 GMT`, in a form that can be compared.
fn moment(text: &str) -> Option<(u32, u32, u32, String)> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day = parts.next()?.parse().ok()?;
    let month = parts.next().filter(|month| month.len() == 3)?;
    let month = MONTHS.find(month)? as u32;
    let year = parts.next()?.parse().ok()?;
    let time = parts.next().filter(|time| time.len() == 8)?;
    (parts.next()? == "GMT").then(|| (year, month, day, time.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_compared_as_dates() {
        let all = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:38 GMT",
            "Mon, 07 Nov 1994 00:00:00 GMT",
            "Thu, 01 Dec 1994 00:00:00 GMT",
            "Mon, 02 Jan 1995 00:00:00 GMT",
        ];
        assert!(all.windows(2).all(|pair| moment(pair[0]).unwrap() < moment(pair[1]).unwrap()));
        for text in ["", "yesterday", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 CET"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_not() {
        assert!(names("\"a\", W/\"b\"", "\"b\""));
        assert!(names("*", "W/\"b\""));
        assert!(!names("\"a\"", "\"b\""));
    }
}
