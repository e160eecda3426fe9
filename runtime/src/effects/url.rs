//! A URL of `http` or `https`, taken apart as far as policy, redirects and the client need it.

use std::fmt::{self, Write};
use std::net::Ipv6Addr;

/// A URL without its fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether the scheme is `https`.
    pub is_https: bool,
    /// `user:password`, still percent-encoded.
    pub user: Option<String>,
    /// The name or address in lower case; an IPv6 address without its brackets.
    pub host: String,
    /// The port, also where the URL leaves it to the scheme.
    pub port: u16,
    /// The path and the query, beginning with `/`.
    pub target: String,
}

impl Url {
    /// Takes a URL apart. Spaces and letters beyond ASCII in path and query are percent-encoded.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it has to begin with `https://` or `http://`".to_owned())?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            other => return Err(format!("the scheme is `{other}`; it takes `https` or `http`")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user.to_owned()), authority),
            None => (None, authority),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner.split_once(']').ok_or("`]` is missing after `[`")?;
                host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                (host, Some(port))
            }
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if host.is_empty() {
            return Err("the host is missing".into());
        } else if !host.contains(':') && !host.chars().all(is_name) {
            let hint = if host.is_ascii() { "" } else { "; write it in punycode (`xn--…`)" };
            return Err(format!("the host `{host}` has letters that no host has{hint}"));
        }
        let host = as_host(host);
        if host.is_empty() {
            return Err("the host is missing".into());
        }
        let port = match port {
            Some("") => None,
            Some(port) => {
                let is_plain = port.bytes().all(|digit| digit.is_ascii_digit());
                let number = port.parse().ok().filter(|_| is_plain);
                Some(number.ok_or_else(|| format!("`{port}` is not a port number"))?)
            }
            None => return Err("only a port may follow the host".into()),
        };
        Ok(Self {
            is_https,
            user,
            host,
            port: port.unwrap_or(if is_https { 443 } else { 80 }),
            target: encoded_target(target)?,
        })
    }

    /// The port that the scheme stands for.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        if self.is_https { 443 } else { 80 }
    }

    /// Whether both have the same scheme, host and port.
    #[must_use]
    pub fn has_origin_of(&self, other: &Self) -> bool {
        (self.is_https, &self.host, self.port) == (other.is_https, &other.host, other.port)
    }

    /// Where a `Location` leads from here.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn join(&self, location: &str) -> Result<Self, String> {
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme()));
        }
        let head = location.find(['/', '?', '#']).map_or(location, |end| &location[..end]);
        if head.contains(':') {
            return Self::parse(location);
        }
        let path = self.target.split('?').next().unwrap_or("/");
        let reference = location.split('#').next().unwrap_or_default();
        let target = match reference.chars().next() {
            None => self.target.clone(),
            Some('/') => reference.to_owned(),
            Some('?') => format!("{path}{reference}"),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
                format!("{folder}{reference}")
            }
        };
        Ok(Self { user: None, target: without_dots(&encoded_target(&target)?), ..self.clone() })
    }

    /// The URL without user, password and query: what may be logged.
    #[must_use]
    pub fn shown(&self) -> String {
        let path = self.target.split('?').next().unwrap_or("/");
        format!("{}{path}", self.origin())
    }

    /// Adds a query to the one that is there.
    pub fn push_query(&mut self, query: &str) {
        if !query.is_empty() {
            self.target.push(if self.target.contains('?') { '&' } else { '?' });
            self.target.push_str(query);
        }
    }

    fn scheme(&self) -> &str {
        if self.is_https { "https" } else { "http" }
    }

    fn origin(&self) -> String {
        let mut origin = match self.host.contains(':') {
            true => format!("{}://[{}]", self.scheme(), self.host),
            false => format!("{}://{}", self.scheme(), self.host),
        };
        if self.port != self.default_port() {
            let _ = write!(origin, ":{}", self.port);
        }
        origin
    }
}

impl fmt::Display for Url {
    /// The URL as a request goes to it: without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.target)
    }
}

/// A host in the one form that hosts are compared in: in lower case, without dots at its end; an IPv6
/// address with all that can be left out left out.
pub(super) fn as_host(host: &str) -> String {
    let host = host.trim_end_matches('.');
    match host.parse::<Ipv6Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => host.to_ascii_lowercase(),
    }
}

/// The path and query as they go over the wire.
fn encoded_target(target: &str) -> Result<String, String> {
    let target = target.split('#').next().unwrap_or_default();
    let mut encoded = String::with_capacity(target.len() + 1);
    if !target.starts_with('/') {
        encoded.push('/');
    }
    for &byte in target.as_bytes() {
        match byte {
            0..=0x1F | 0x7F => return Err("it has a control character".into()),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            _ => encoded.push(char::from(byte)),
        }
    }
    Ok(encoded)
}

/// Removes `.` and `..` from the path (RFC 3986, 5.2.4).
fn without_dots(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, &segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("HTTPS://ann:se%20cret@API.Example.com.:8443/a b?q=ü#part").unwrap();
        assert!(url.is_https);
        assert_eq!(url.user.as_deref(), Some("ann:se%20cret"));
        assert_eq!((url.host.as_str(), url.port), ("api.example.com", 8443));
        assert_eq!(url.target, "/a%20b?q=%C3%BC");
        assert_eq!(url.to_string(), "https://api.example.com:8443/a%20b?q=%C3%BC");
        assert_eq!(url.shown(), "https://api.example.com:8443/a%20b");
        assert_eq!(Url::parse("http://[::1]:80?x").unwrap().to_string(), "http://[::1]/?x");
        assert_eq!(Url::parse("http://[0:0::0:1]").unwrap().host, "::1");
    }

    #[test]
    fn what_is_not_a_url_is_said() {
        for (text, said) in [
            ("example.com", "begin with `https://`"),
            ("ftp://example.com", "the scheme is `ftp`"),
            ("https://", "the host is missing"),
            ("https:///path", "the host is missing"),
            ("http://./", "the host is missing"),
            ("http://[fe80::1%25eth0]/", "is not an IPv6 address"),
            ("https://ann@..:443", "the host is missing"),
            ("https://bücher.de", "punycode"),
            ("https://a b.de", "letters that no host has"),
            ("https://a.de:99999", "`99999` is not a port"),
            ("https://a.de:+443", "`+443` is not a port"),
            ("https://[::1", "`]` is missing"),
            ("https://[::1]x", "only a port"),
            ("https://a.de/\r\nX: y", "control character"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_location_is_resolved_as_rfc_3986_says() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (location, url) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("https://b/x", "https://b/x"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), url, "{location}");
        }
        assert!(base.join("javascript:alert(1)").is_err());
    }
}
