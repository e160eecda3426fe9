//! Whose requests are answered: those of programs on this machine, and those of pages that belong to
//! whoever runs it. Any page that is open in a browser here can send requests to any port here, and
//! what a function does is real.
//!
//! - **The host** that a request names is this machine's, by a name or address that nobody can lead
//!   elsewhere. Any other name may be a stranger's who makes it lead here, so that his page and our
//!   functions are one site to the browser (DNS rebinding).
//! - **The page** that a request comes from is of this machine, on whatever port, or of that host. A
//!   browser tells of it in `Origin` where the page could read the answer, or where there is a body;
//!   otherwise in `Sec-Fetch-Site` and `Referer`, which no page can make up.
//! - **A link** that a page of another site opens is shown to the person, who can follow it: a `GET` may
//!   do something, and a sign-in at another site has to come back here.

use std::collections::HashSet;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde_json::json;

use crate::dev::registry::RESERVED;
use crate::dev::server::{Reply, Request};
use crate::http::{address_of, is_loopback, split_authority};

/// So many refusals are told, each once: a page can send any number, of any name.
const MAX_TOLD: usize = 50;
/// So much of what a client said is told, in characters.
const MAX_SAID: usize = 100;

/// A name by which the functions may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedHost {
    name: String,
    with_subdomains: bool,
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<AllowedHost, String> {
        let (name, with_subdomains) = match text.strip_prefix('.') {
            Some(name) => (name, true),
            None => (text, false),
        };
        match split_authority(name) {
            Some((_, None)) => Ok(AllowedHost { name: name.to_ascii_lowercase(), with_subdomains }),
            _ => Err("a host is a name without scheme and port, as `my-laptop.local`; \
                      `.example.com` stands for each name below it, too"
                .to_owned()),
        }
    }
}

/// A site whose pages may call functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedOrigin(String);

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<AllowedOrigin, String> {
        let origin = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let is_origin = origin.split_once("://").is_some_and(|(scheme, authority)| {
            !scheme.is_empty() && split_authority(authority).is_some()
        });
        if is_origin || origin == "null" {
            return Ok(AllowedOrigin(origin));
        }
        Err("an origin is scheme, host and, if it has one, port, as `https://app.example.com`; \
             `null` stands for pages that have none, such as files"
            .to_owned())
    }
}

/// Who is answered.
#[derive(Debug)]
pub(crate) struct Callers {
    listens_on: IpAddr,
    hosts: Vec<AllowedHost>,
    origins: Vec<AllowedOrigin>,
    told: Mutex<HashSet<String>>,
}

/// Why a request is not answered.
struct Refused {
    why: String,
    way_out: String,
    /// A person may open it nevertheless.
    is_link: bool,
}

impl Callers {
    pub(crate) fn new(
        listens_on: IpAddr,
        hosts: Vec<AllowedHost>,
        origins: Vec<AllowedOrigin>,
    ) -> Callers {
        Callers { listens_on, hosts, origins, told: Mutex::default() }
    }

    /// What to answer instead, if the request is not one to answer; each kind of it is told once.
    pub(crate) fn refusal(&self, request: &Request, tell: impl Fn(&str)) -> Option<Reply> {
        let refused = self.check(request).err()?;
        let Refused { why, way_out, is_link } = refused;
        let message = format!("{why}; {way_out}");
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MAX_TOLD && told.insert(message.clone()) {
            let more = if told.len() == MAX_TOLD { "; no more of these are shown" } else { "" };
            let asked_for = shown(&request.path);
            tell(&format!("refused {} {asked_for}: {message}{more}", shown(&request.method)));
        }
        drop(told);
        let reply = match is_link {
            true => page_with_link(request, &message),
            false => Reply::json(403, &json!({ "message": message })),
        };
        let reply =
            reply.with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff");
        let is_of_api =
            ["/2015-03-31/", "/2021-11-15/"].iter().any(|it| request.path.starts_with(it));
        Some(if is_of_api {
            reply.with("x-amzn-ErrorType", "AccessDeniedException")
        } else {
            reply
        })
    }

    /// What a browser wants to hear, besides, before it lets a page of the internet call this machine:
    /// <https://wicg.github.io/private-network-access/>. Only of sites that were allowed by name.
    pub(crate) fn lets_in(&self, request: &Request, reply: Reply) -> Reply {
        let asks = request.header("access-control-request-private-network") == Some("true");
        let origin = request.header("origin").unwrap_or_default();
        if request.method == "OPTIONS" && asks && self.is_allowed(origin) {
            return reply.with("Access-Control-Allow-Private-Network", "true");
        }
        reply
    }

    fn check(&self, request: &Request) -> Result<(), Refused> {
        let Some(host) = request.header("host") else {
            // HTTP/1.0, which no browser speaks.
            return Ok(());
        };
        if !self.is_own_host(host) {
            let name = split_authority(host).map_or(host, |(name, _)| name);
            return Err(Refused {
                why: format!(
                    "`{}` is no name of this machine, and may be a stranger's that was made to lead \
                     here",
                    shown(host)
                ),
                way_out: format!(
                    "if it is yours, such as that of a tunnel or of this machine in its network, start \
                     `rhambda dev` with `--allow-host {}`",
                    shown(name)
                ),
                is_link: false,
            });
        }
        let is_own = |origin: &str| self.is_own_origin(origin, host);
        let origins = all(request, "origin");
        if let Some(origin) = origins.iter().find(|origin| !is_own(origin)) {
            return Err(of_other_site(origin, false));
        }
        if !origins.is_empty() || self.is_console(request) {
            return Ok(());
        }
        let sites = all(request, "sec-fetch-site");
        let referrer = request.header("referer").map(origin_of);
        let is_from_own = referrer.as_deref().is_some_and(is_own);
        let is_by_itself = |site: &&str| ["same-origin", "none"].contains(site);
        // To a browser all ports of `localhost` are one site.
        let is_near = |site: &&str| *site == "same-site" && is_loopback(name_of(host));
        let is_answered = match (&sites[..], &referrer) {
            // Neither a browser of these days nor one that says where it comes from: a program.
            ([], None) => true,
            ([], Some(_)) => is_from_own,
            (sites, _) => is_from_own || sites.iter().all(|it| is_by_itself(it) || is_near(it)),
        };
        if is_answered {
            return Ok(());
        }
        let is_link = ["GET", "HEAD"].contains(&request.method.as_str()) && is_navigation(request);
        Err(of_other_site(referrer.as_deref().unwrap_or("another site"), is_link))
    }

    fn is_own_host(&self, host: &str) -> bool {
        let Some((name, _)) = split_authority(host) else { return false };
        let is_own_address = address_of(name).is_some_and(|address| {
            // An address leads where it says, and only a name can be led elsewhere; who is reached by
            // other machines may have addresses that it does not know of.
            address == self.listens_on || !self.listens_on.is_loopback()
        });
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_allowed = |allowed: &AllowedHost| {
            let parent = name.strip_suffix(&allowed.name);
            name == allowed.name
                || (allowed.with_subdomains && parent.is_some_and(|it| it.ends_with('.')))
        };
        is_loopback(&name) || is_own_address || self.hosts.iter().any(is_allowed)
    }

    fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        if self.is_allowed(origin) {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else { return false };
        let Some((name, port)) = split_authority(authority) else { return false };
        // A tunnel ends TLS, so that the port that goes without saying is not ours.
        let is_default = matches!((scheme, port), ("http", Some("80")) | ("https", Some("443")));
        let as_host = if is_default { name } else { authority };
        is_loopback(name) || as_host.eq_ignore_ascii_case(host)
    }

    fn is_allowed(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed.0.eq_ignore_ascii_case(origin))
    }

    /// Whether it opens the console, which is a page that does nothing by itself.
    fn is_console(&self, request: &Request) -> bool {
        let path = request.path.trim_matches('/');
        (path.is_empty() || path == RESERVED)
            && ["GET", "HEAD"].contains(&request.method.as_str())
            && is_navigation(request)
    }
}

/// Whether a browser opens it as a page of its own, which is seen by a person.
fn is_navigation(request: &Request) -> bool {
    request.header("sec-fetch-mode") == Some("navigate")
        && request.header("sec-fetch-dest").is_none_or(|dest| dest == "document")
}

fn of_other_site(origin: &str, is_link: bool) -> Refused {
    let site = match origin {
        "null" => "a page without an origin, such as a file or a frame in a sandbox,".to_owned(),
        "another site" => "a page of another site".to_owned(),
        origin => format!("a page of {}", shown(origin)),
    };
    let allowed = match origin {
        "another site" => "ORIGIN".to_owned(),
        origin => shown(origin),
    };
    Refused {
        why: format!("{site} may not call functions here"),
        way_out: format!("if it is yours, start `rhambda dev` with `--allow-origin {allowed}`"),
        is_link,
    }
}

/// A page that shows where a link of another site leads, and leads there.
fn page_with_link(request: &Request, message: &str) -> Reply {
    let path = match request.path.as_bytes() {
        // It would be another host's.
        [b'/', b'/' | b'\\', ..] => format!("/.{}", request.path),
        _ => request.path.clone(),
    };
    let query =
        if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let target = escaped(&format!("{path}{query}"));
    let body = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>rhambda dev</title>\n\
         <p>Another site has led you here, and opening this calls a function:</p>\n\
         <p><a href=\"{target}\"><code>GET {target}</code></a></p>\n\
         <p>Follow the link if you meant to.</p>\n<p><small>{}.</small></p>\n",
        escaped(message)
    );
    Reply::new(403, "text/html; charset=utf-8", body)
        // Neither inside of another page nor with a hand on this one.
        .with(
            "Content-Security-Policy",
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        )
        .with("X-Frame-Options", "DENY")
        .with("Cross-Origin-Opener-Policy", "same-origin")
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => {}
            c => safe.push(c),
        }
    }
    safe
}

/// The scheme and the authority of a URL.
fn origin_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "null".to_owned() };
    format!("{scheme}://{}", rest.split(['/', '?', '#', '\\']).next().unwrap_or_default())
}

fn name_of(host: &str) -> &str {
    split_authority(host).map_or(host, |(name, _)| name)
}

fn all<'a>(request: &'a Request, wanted: &str) -> Vec<&'a str> {
    let named = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    named.map(|(_, value)| value.as_str()).collect()
}

/// What a client said, for people: short, and without what moves a terminal's cursor.
fn shown(said: &str) -> String {
    let mut short: String = said.chars().take(MAX_SAID).collect();
    if short.len() < said.len() {
        short.push('…');
    }
    short
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn request(head: &[(&str, &str)]) -> Request {
        Request {
            method: "GET".to_owned(),
            path: "/hello".to_owned(),
            query: String::new(),
            headers: head.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: Vec::new(),
            protocol: "HTTP/1.1",
            client: (LOCAL, 1).into(),
            server: (LOCAL, 3000).into(),
        }
    }

    fn callers(listens_on: IpAddr, hosts: &[&str], origins: &[&str]) -> Callers {
        Callers::new(
            listens_on,
            hosts.iter().map(|host| host.parse().unwrap()).collect(),
            origins.iter().map(|origin| origin.parse().unwrap()).collect(),
        )
    }

    #[test]
    fn a_host_is_this_machine_or_was_allowed() {
        let of = |listens_on, host: &str| {
            callers(listens_on, &["my.test", ".tunnel.test"], &[]).is_own_host(host)
        };
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "localhost.:3000",
            "a.localhost",
            "127.0.0.1:3000",
            "127.8.8.8",
            "[::1]:3000",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "my.test:3000",
            "MY.test",
            "tunnel.test",
            "a.b.tunnel.test",
        ] {
            assert!(of(LOCAL, host), "{host}");
            assert!(of(ANY, host), "{host}");
        }
        for host in [
            "",
            ":3000",
            "evil.test",
            "evil.test:3000",
            "localhost.evil.test",
            "evillocalhost",
            "notmy.test",
            "eviltunnel.test",
            "a.my.test",
            "user@localhost",
            "localhost:3000:80",
            "localhost:x",
            "localhost,evil.test",
            "localhost/",
            "[::1]evil.test",
            "[evil.test]",
            "127.0.0.1.evil.test",
            "127.1.evil",
            "2130706433x",
            "локальный",
        ] {
            assert!(!of(LOCAL, host), "{host}");
            assert!(!of(ANY, host), "{host}");
        }
        // Others reach it by addresses that it does not know of.
        for host in ["192.168.1.5:3000", "0.0.0.0:3000", "[fe80::1]:3000"] {
            assert!(!of(LOCAL, host), "{host}");
            assert!(of(ANY, host), "{host}");
        }
    }

    #[test]
    fn a_page_is_of_this_machine_or_of_that_host_or_was_allowed() {
        let callers = callers(LOCAL, &["my.test"], &["https://app.test", "vscode-webview://x/"]);
        let is_answered = |head: &[(&str, &str)]| callers.check(&request(head)).is_ok();
        const LINK: (&str, &str) = ("Sec-Fetch-Mode", "navigate");
        for head in [
            &[][..],
            &[("Origin", "http://localhost:5173")],
            &[("Origin", "http://localhost:5173"), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", "https://127.0.0.1")],
            &[("Origin", "capacitor://localhost")],
            &[("Origin", "https://app.test"), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", "vscode-webview://x")],
            &[("Sec-Fetch-Site", "none"), LINK],
            &[("Sec-Fetch-Site", "same-origin")],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Sec-Fetch-Site", "cross-site"), ("Referer", "http://localhost:5173/a")],
            &[("Sec-Fetch-Site", "cross-site"), ("Referer", "https://app.test/sign-in"), LINK],
            &[("Referer", "http://[::1]:8080/")],
        ] {
            assert!(is_answered(&[&[("Host", "127.0.0.1:3000")], head].concat()), "{head:?}");
        }
        for head in [
            &[("Origin", "https://evil.test")][..],
            &[("Origin", "null")],
            &[("Origin", "")],
            &[("Origin", "http://localhost.evil.test")],
            &[("Origin", "http://localhost@evil.test")],
            &[("Origin", "http://evil.test"), ("Sec-Fetch-Site", "same-origin")],
            &[("Origin", "http://localhost"), ("Origin", "http://evil.test")],
            &[("Origin", "https://app.test:8443")],
            &[("Origin", "http://app.test")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "cross-site"), LINK],
            &[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "new-word")],
            &[("Sec-Fetch-Site", "cross-site"), ("Referer", "https://evil.test/http://localhost/")],
            &[("Referer", "https://evil.test/")],
            &[("Referer", "https://evil.test\\@localhost/")],
            &[("Referer", "about:blank")],
        ] {
            assert!(!is_answered(&[&[("Host", "127.0.0.1:3000")], head].concat()), "{head:?}");
        }
        let by_name = |head: &[(&str, &str)]| is_answered(&[&[("Host", "my.test")], head].concat());
        assert!(by_name(&[("Origin", "https://my.test")]), "a tunnel's own page");
        assert!(by_name(&[("Origin", "https://my.test:443")]));
        assert!(!by_name(&[("Origin", "https://my.test:8443")]));
        assert!(!by_name(&[("Sec-Fetch-Site", "same-site")]), "a neighbour of the tunnel's");
    }

    #[test]
    fn each_refusal_is_told_once_and_there_is_an_end_to_it() {
        let callers = callers(LOCAL, &[], &[]);
        let told = std::cell::RefCell::new(Vec::new());
        for at in 0..1000 {
            let host = format!("\u{9b}{}.test", at / 2);
            let reply = callers.refusal(&request(&[("Host", &host)]), |it| {
                told.borrow_mut().push(it.to_owned());
            });
            assert_eq!(reply.expect("a refusal").status, 403);
        }
        let told = told.into_inner();
        assert_eq!(told.len(), MAX_TOLD);
        assert!(told.iter().all(|it| !it.chars().any(char::is_control)));
        assert!(told[49].ends_with("no more of these are shown"), "{}", told[49]);
    }

    #[test]
    fn a_link_is_shown_as_it_is_and_leads_to_no_other_host() {
        let mut asked = request(&[]);
        for (path, href) in [
            ("/a", "href=\"/a?&quot;&lt;x&gt;&amp;\""),
            ("//evil.test/a", "href=\"/.//evil.test/a?"),
            ("/\\evil.test", "href=\"/./\\evil.test?"),
        ] {
            path.clone_into(&mut asked.path);
            asked.query = "\"<x>&".to_owned();
            let page = String::from_utf8(page_with_link(&asked, "no").body).unwrap();
            assert!(page.contains(href), "{page}");
        }
    }

    #[test]
    fn a_flag_that_would_allow_nothing_is_told() {
        for host in ["", "http://a", "a:80", "a b", "*", "a/"] {
            assert!(host.parse::<AllowedHost>().is_err(), "{host}");
        }
        for origin in ["", "a.test", "https://", "https://a.test/path", "*", "https://*.a.test"] {
            assert!(origin.parse::<AllowedOrigin>().is_err(), "{origin}");
        }
    }
}
