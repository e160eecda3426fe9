//! The console: a page to send events from and to see what comes of them, and the JSON API behind it.
//!
//! ```text
//! page.html      all of the page: structure, looks, behaviour
//!   openapi.json describes the API to programs
//!     api        its routes
//!     sources    scripts, events and tests on disk
//! ```

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::dev::journal::Journal;
use crate::dev::registry::{RESERVED, Registry};
use crate::dev::server::{Reply, Request};
use crate::dev::workers::Workers;

mod api;
mod sources;

const PAGE: &str = include_str!("page.html");

/// What answers requests for the console.
#[derive(Debug)]
pub(super) struct Console {
    registry: Arc<Registry>,
    workers: Arc<Workers>,
    journal: Journal,
    /// What the page may do.
    policy: String,
}

impl Console {
    pub(super) fn new(registry: Arc<Registry>, workers: Arc<Workers>, journal: Journal) -> Console {
        Console { registry, workers, journal, policy: policy() }
    }

    /// The reply to a request, if it is one for the console.
    pub(super) fn answer(&self, request: &Request) -> Option<Reply> {
        let path = request.path.strip_prefix('/')?.strip_prefix(RESERVED)?;
        if !path.is_empty() && !path.starts_with('/') {
            return None;
        }
        let reply = match path.trim_end_matches('/') {
            "" => self.page(request),
            _ if request.is_from_another_page() => {
                let message = "a page of another site may not use this API; open the console at \
                               an address or at localhost";
                Reply::json(403, &json!({ "message": message }))
            }
            path => self.api(path, request),
        };
        Some(reply.with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff"))
    }

    /// The page.
    pub(super) fn page(&self, request: &Request) -> Reply {
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            return Reply::json(405, &json!({ "message": "the page is there to be read" }))
                .with("Allow", "GET, HEAD");
        }
        Reply::new(200, "text/html; charset=utf-8", PAGE)
            .with("Content-Security-Policy", &self.policy)
            .with("Referrer-Policy", "no-referrer")
            .with("Cross-Origin-Opener-Policy", "same-origin")
    }
}

/// Lets the page run its own script with its own style, and talk to its own server.
fn policy() -> String {
    let digest = |element: &str| {
        let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
        let text = PAGE.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
        let digest = Sha256::digest(text.map_or("", |(text, _)| text));
        format!("'sha256-{}'", STANDARD.encode(digest))
    };
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'",
        digest("script"),
        digest("style")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_nobody_for_anything() {
        assert!(PAGE.len() < 60 * 1024, "{} bytes", PAGE.len());
        for outside in ["http://", "https://", "//cdn", "@import", "innerHTML", "eval("] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        for element in ["<script", "<style"] {
            assert_eq!(PAGE.matches(element).count(), 1, "{element}");
        }
        assert!(!PAGE.contains(" style="), "the policy lets no element have a style of its own");
    }
}
