//! A streamed response for people: its data on standard output, what an HTTP client would see of its
//! status and headers on standard error.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::terminal::{Look, Terminal};

/// The content type of a response that begins with its status and headers as JSON.
pub(crate) const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";

/// What stands between them and the data.
const END_OF_PRELUDE: [u8; 8] = [0; 8];

/// A response that is shown as it comes.
#[derive(Debug)]
pub(crate) struct StreamView {
    terminal: Terminal,
    /// What came of a prelude whose end did not.
    begun: Mutex<Option<Vec<u8>>>,
    /// Why some of the data could not be written.
    lost: Mutex<Option<io::Error>>,
}

impl StreamView {
    pub(crate) fn new(terminal: Terminal) -> StreamView {
        StreamView { terminal, begun: Mutex::new(Some(Vec::new())), lost: Mutex::default() }
    }

    /// Why some of the data could not be written, if so.
    pub(crate) fn lost(&self) -> Option<io::Error> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Shows the next bytes of a response of this type.
    pub(crate) fn take(&self, content_type: Option<&str>, bytes: &[u8]) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut all) = begun.take() else { return self.show(bytes) };
        all.extend_from_slice(bytes);
        match split(content_type, &all) {
            Some((prelude, data)) => {
                show_prelude(prelude, &self.terminal);
                self.show(data);
            }
            None if content_type == Some(WITH_PRELUDE) => *begun = Some(all),
            None => self.show(&all),
        }
    }

    fn show(&self, data: &[u8]) {
        // The runtime is not to be stopped for a disk that is full.
        if let Err(error) = self.terminal.out(data) {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert(error);
        }
    }
}

/// The prelude and the data of a response; nothing where it has no prelude.
pub(crate) fn split<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
) -> Option<(&'a [u8], &'a [u8])> {
    if content_type != Some(WITH_PRELUDE) {
        return None;
    }
    let end = body.windows(END_OF_PRELUDE.len()).position(|window| window == END_OF_PRELUDE)?;
    Some((&body[..end], &body[end + END_OF_PRELUDE.len()..]))
}

/// Shows status, headers and cookies as a head of HTTP.
pub(crate) fn show_prelude(prelude: &[u8], terminal: &Terminal) {
    for line in head(prelude) {
        terminal.err(&terminal.paint(Look::Faint, &line));
    }
}

fn head(prelude: &[u8]) -> Vec<String> {
    let Ok(prelude) = serde_json::from_slice::<Value>(prelude) else {
        return vec![format!("not a prelude: {}", String::from_utf8_lossy(prelude))];
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let status = prelude.get("statusCode").map_or_else(|| "200".to_owned(), text);
    let mut lines = vec![format!("status: {status}")];
    for (name, value) in prelude["headers"].as_object().into_iter().flatten() {
        lines.push(format!("{name}: {}", text(value)));
    }
    for cookie in prelude["cookies"].as_array().into_iter().flatten() {
        lines.push(format!("set-cookie: {}", text(cookie)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prelude_ends_with_eight_nuls_and_looks_like_a_head_of_http() {
        let body = b"{\"statusCode\":201,\"headers\":{\"a\":\"b\"},\"cookies\":[\"c=d\"]}\0\0\0\0\0\0\0\0x\0";
        let (prelude, data) = split(Some(WITH_PRELUDE), body).unwrap();
        assert_eq!(data, b"x\0");
        assert_eq!(head(prelude), ["status: 201", "a: b", "set-cookie: c=d"]);
        assert_eq!(split(Some("text/plain"), body), None);
        assert_eq!(split(Some(WITH_PRELUDE), &body[..60]), None);
        assert_eq!(head(b"{}"), ["status: 200"]);
        assert_eq!(head(b"x"), ["not a prelude: x"]);
    }
}
