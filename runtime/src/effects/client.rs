//! The HTTP client behind scripts: connections that are kept while the environment is frozen.
//!
//! A frozen environment neither notices that a peer hung up nor how long it slept, for only the
//! wall clock goes on. So a kept connection is used again only if it was idle for a short time by
//! that clock, and a request that finds its kept connection dead before anything was answered is
//! sent once more over a new one, where sending twice does no harm.

use std::cell::Cell;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use once_cell::sync::OnceCell;
#[cfg(feature = "tool")]
pub use ureq::http::Uri;
#[cfg(not(feature = "tool"))]
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
    Transport,
};
use ureq::{Agent, Body, Error, RequestBuilder, http};

use super::dns::{Dns, DnsError};
use super::forward::Forward;
use super::tls::Tls;
use super::{Failure, OutOfReach, Request, Response, Url};

const USER_AGENT: &str = concat!("rhambda/", env!("CARGO_PKG_VERSION"));

/// How long a kept connection may have been idle for a request that can be sent twice, and for one
/// that cannot: common servers hang up after five seconds and later.
const IDLE_IF_REPEATABLE: Duration = Duration::from_secs(60);
const IDLE_IF_ONCE: Duration = Duration::from_secs(4);

/// The most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 16;

/// How many connections to one host are kept, where requests go out one by one and together.
const MOST_IDLE: usize = 3;
const MOST_IDLE_TOGETHER: usize = 10;

/// Sends requests; made of nothing until the first.
#[derive(Debug)]
pub struct Client {
    /// `None`: it speaks to anybody, by no proxy.
    out_of_reach: Option<Arc<OutOfReach>>,
    /// Several threads use it at once.
    is_shared: bool,
    direct: OnceCell<Agent>,
    through_http_proxy: OnceCell<Option<Proxied>>,
    through_https_proxy: OnceCell<Option<Proxied>>,
}

/// What the connections tell of the exchange that is under way on this thread.
struct Watch {
    connections_opened: Cell<u64>,
    has_heard: Cell<bool>,
    longest_idle_ms: Cell<u64>,
}

thread_local! {
    static WATCH: Watch = const {
        Watch {
            connections_opened: Cell::new(0),
            has_heard: Cell::new(false),
            longest_idle_ms: Cell::new(0),
        }
    };
}

#[derive(Debug)]
struct Proxied {
    agent: Agent,
    except: Vec<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self::without(Arc::default())
    }
}

impl Client {
    /// A client that never speaks to these addresses.
    #[must_use]
    pub fn without(out_of_reach: Arc<OutOfReach>) -> Self {
        Self { out_of_reach: Some(out_of_reach), ..Self::trusted() }
    }

    /// A client for the runtime itself, which speaks to anybody and by no proxy: to what serves
    /// credentials at a link-local address.
    #[must_use]
    pub fn trusted() -> Self {
        Self {
            out_of_reach: None,
            is_shared: false,
            direct: OnceCell::new(),
            through_http_proxy: OnceCell::new(),
            through_https_proxy: OnceCell::new(),
        }
    }

    /// Such a client for several threads at once.
    #[must_use]
    pub fn shared_without(out_of_reach: Arc<OutOfReach>) -> Self {
        Self { is_shared: true, ..Self::without(out_of_reach) }
    }

    /// Sends a request, and returns when the head of the answer is there.
    ///
    /// # Errors
    /// A [`Failure`] of type `Http.…` with the method and the URL.
    pub fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let what = format!("{} {}", request.method, request.url.shown());
        let failed = |failure: Failure| {
            Failure::new(failure.error_type, format!("{what}: {}", failure.message))
        };
        let agent = match self.proxy_for(&request.url).map_err(failed)? {
            Some(proxied) => {
                let deadline = Instant::now() + request.timeout;
                if let Some(out_of_reach) = &self.out_of_reach {
                    out_of_reach.check_behind_proxy(&request.url, deadline).map_err(failed)?;
                }
                &proxied.agent
            }
            None => self.direct.get_or_init(|| self.agent(None)),
        };
        let longest_idle = if request.is_idempotent() { IDLE_IF_REPEATABLE } else { IDLE_IF_ONCE };
        let opened = WATCH.with(|watch| {
            watch.longest_idle_ms.set(longest_idle.as_millis() as u64);
            watch.has_heard.set(false);
            watch.connections_opened.get()
        });
        let started = Instant::now();
        let mut outcome = send(agent, request, request.timeout);
        if let Err(error) = &outcome {
            let died_unheard = is_hang_up(error)
                && WATCH.with(|watch| {
                    watch.connections_opened.get() == opened && !watch.has_heard.get()
                });
            let left = request.timeout.saturating_sub(started.elapsed());
            if died_unheard && request.is_idempotent() && !left.is_zero() {
                log::debug!("{what}: the kept connection was dead; sent again over a new one");
                WATCH.with(|watch| watch.longest_idle_ms.set(0));
                outcome = send(agent, request, left);
            }
        }
        let answer = outcome.map_err(|error| failed(failure(error)))?;
        let (head, body) = answer.into_parts();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        let reader = body.into_with_config().limit(u64::MAX).reader();
        Ok(Response {
            status: head.status.as_u16(),
            headers,
            body: Box::new(Explained { reader, what }),
        })
    }

    /// The proxy that a request goes through, if it goes through one.
    fn proxy_for(&self, url: &Url) -> Result<Option<&Proxied>, Failure> {
        if self.out_of_reach.is_none() {
            return Ok(None);
        }
        let (kept, names) = match url.is_https {
            true => (&self.through_https_proxy, ["https_proxy", "HTTPS_PROXY"]),
            false => (&self.through_http_proxy, ["http_proxy", "HTTP_PROXY"]),
        };
        let proxied = kept.get_or_try_init(|| {
            let [lower, upper] = names;
            let Some(proxy) = setting(&[lower, upper, "all_proxy", "ALL_PROXY"]) else {
                return Ok(None);
            };
            let except = setting(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
            let except = except
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect();
            let agent = match url.is_https {
                true => self.agent(Some(proxy_at(&proxy)?)),
                false => self.forwarding_agent(&proxy_at(&proxy)?)?,
            };
            Ok::<_, Failure>(Some(Proxied { agent, except }))
        })?;
        Ok(proxied.as_ref().filter(|proxied| !proxied.spares(url)))
    }

    fn agent(&self, proxy: Option<ureq::Proxy>) -> Agent {
        let is_of_proxy = proxy.is_some();
        let config = self.configuration(proxy);
        let connector = ConnectProxyConnector::default()
            .chain(TcpConnector::default())
            .chain(Tls::new(setting(&["SSL_CERT_FILE"])))
            .chain(Keep);
        let names = Names { is_of_proxy, ..self.names(None) };
        Agent::with_parts(config, connector, names)
    }

    /// Sends plain requests to a proxy, which sends them on.
    fn forwarding_agent(&self, proxy: &ureq::Proxy) -> Result<Agent, Failure> {
        let uri = proxy.uri();
        let port = uri.port_u16().unwrap_or(80);
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let authorization = proxy.username().map(|name| {
            let plain = format!("{name}:{}", proxy.password().unwrap_or_default());
            format!("Basic {}", BASE64_STANDARD.encode(plain))
        });
        let connector =
            TcpConnector::default().chain(Forward::new(authorization.as_deref())).chain(Keep);
        Ok(Agent::with_parts(self.configuration(None), connector, self.names(Some((host, port)))))
    }

    fn configuration(&self, proxy: Option<ureq::Proxy>) -> ureq::config::Config {
        Agent::config_builder()
            .proxy(proxy)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_age(IDLE_IF_REPEATABLE)
            .max_idle_connections_per_host(match self.is_shared {
                true => MOST_IDLE_TOGETHER,
                false => MOST_IDLE,
            })
            .input_buffer_size(32 << 10)
            .output_buffer_size(32 << 10)
            .user_agent(USER_AGENT)
            .accept_encoding("")
            .build()
    }

    fn names(&self, instead: Option<(String, u16)>) -> Names {
        let out_of_reach = self.out_of_reach.clone();
        Names { out_of_reach, is_of_proxy: instead.is_some(), instead }
    }
}

/// The first of these variables that is set.
fn setting(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn proxy_at(url: &str) -> Result<ureq::Proxy, Failure> {
    let refused = |why: &str| {
        Failure::new("Http.ProxyFailed", format!("the proxy that the environment names {why}"))
    };
    let proxy = ureq::Proxy::new(url).map_err(|_| refused("is not a URL"))?;
    match proxy.protocol() {
        ureq::ProxyProtocol::Http => Ok(proxy),
        other => Err(refused(&format!("speaks {other}; only `http://` proxies are supported"))),
    }
}

impl Proxied {
    /// Whether NO_PROXY has the host: by itself, by a name above it, or by `*`.
    fn spares(&self, url: &Url) -> bool {
        self.except.iter().any(|except| {
            let except = except.strip_prefix('*').unwrap_or(except);
            let except = except.strip_prefix('.').unwrap_or(except);
            let below = url.host.strip_suffix(except);
            below.is_some_and(|below| except.is_empty() || below.is_empty() || below.ends_with('.'))
        })
    }
}

fn send(
    agent: &Agent,
    request: &Request,
    timeout: Duration,
) -> Result<http::Response<Body>, Error> {
    fn prepared<B>(
        mut builder: RequestBuilder<B>,
        request: &Request,
        timeout: Duration,
    ) -> RequestBuilder<B> {
        for (name, value) in &request.headers {
            builder = builder.header(name.as_str(), value.as_bytes());
        }
        builder.config().timeout_global(Some(timeout)).build()
    }
    let url = request.url.to_string();
    let body = &request.body[..];
    let without_body = match request.method.as_str() {
        "GET" => agent.get(url),
        "HEAD" => agent.head(url),
        "DELETE" => agent.delete(url),
        "OPTIONS" => agent.options(url),
        method => {
            let with_body = match method {
                "PUT" => agent.put(url),
                "PATCH" => agent.patch(url),
                _ => agent.post(url),
            };
            return prepared(with_body, request, timeout).send(body);
        }
    };
    match body.is_empty() {
        true => prepared(without_body, request, timeout).call(),
        false => prepared(without_body.force_send_body(), request, timeout).send(body),
    }
}

fn is_hang_up(error: &Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error, Error::Io(error) if matches!(
        error.kind(),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof
            | Kind::NotConnected
    ))
}

/// What a script is told.
fn failure(error: Error) -> Failure {
    use io::ErrorKind as Kind;
    match error {
        Error::Other(inner) => match inner.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(other) => Failure::new("Http.ConnectFailed", other.to_string()),
        },
        Error::Timeout(what) => {
            let while_doing = match what {
                ureq::Timeout::Resolve => " while the name was looked up",
                ureq::Timeout::Connect => " while connecting",
                _ => "",
            };
            Failure::new("Http.Timeout", format!("no answer in time{while_doing}"))
        }
        Error::HostNotFound => Failure::new("Http.NameNotResolved", "no such host"),
        ref hang_up if is_hang_up(hang_up) => Failure::new(
            "Http.ConnectionLost",
            "the server closed the connection without an answer",
        ),
        Error::Io(error) if matches!(error.kind(), Kind::TimedOut | Kind::WouldBlock) => {
            Failure::new("Http.Timeout", "no answer in time")
        }
        Error::Io(error) => Failure::new("Http.ConnectFailed", error.to_string()),
        Error::ConnectionFailed => Failure::new("Http.ConnectFailed", "cannot connect"),
        Error::ConnectProxyFailed(why) => {
            Failure::new("Http.ProxyFailed", format!("the proxy refused: {why}"))
        }
        Error::Protocol(_) | Error::LargeResponseHeader(..) | Error::BodyStalled => {
            Failure::new("Http.InvalidResponse", format!("the answer is not HTTP/1.1: {error}"))
        }
        other => Failure::new("Http.InvalidRequest", other.to_string()),
    }
}

/// A body whose failures to be read are explained like those of the exchange.
struct Explained {
    reader: ureq::BodyReader<'static>,
    what: String,
}

impl Read for Explained {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer).map_err(|error| {
            let error = match Error::from(error) {
                hang_up if is_hang_up(&hang_up) => Failure::new(
                    "Http.ConnectionLost",
                    "the server closed the connection before the end of the answer",
                ),
                other => failure(other),
            };
            let message = format!("{}: {}", self.what, error.message);
            io::Error::other(Failure::new(error.error_type, message))
        })
    }
}

impl std::error::Error for Failure {}

/// Finds addresses without the system's libraries, and none that are out of reach.
#[derive(Debug, Default)]
pub struct Names {
    out_of_reach: Option<Arc<OutOfReach>>,
    /// What is resolved is a proxy, which the environment names and no script.
    is_of_proxy: bool,
    /// Where every connection goes, whatever the URL.
    instead: Option<(String, u16)>,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let (host, port) = match &self.instead {
            Some((host, port)) => (host.as_str(), *port),
            None => (
                uri.host().unwrap_or_default().trim_matches(['[', ']']),
                uri.port_u16().unwrap_or(default_port),
            ),
        };
        let now = Instant::now();
        let patience = (*timeout.after).min(Duration::from_secs(3600));
        let found = Dns::default().look_up(host, now + patience).map_err(|error| {
            if matches!(error, DnsError::NoAnswer(_)) && now.elapsed() >= patience {
                return Error::Timeout(ureq::Timeout::Resolve);
            }
            Error::Other(Box::new(Failure::new("Http.NameNotResolved", error.to_string())))
        })?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST_ADDRESSES) {
            let address = SocketAddr::new(address, port);
            if let Some(out_of_reach) = &self.out_of_reach {
                let checked = match self.is_of_proxy {
                    true => out_of_reach.check_service(address, now + patience),
                    false => out_of_reach.check(address, now + patience),
                };
                checked.map_err(|refused| Error::Other(Box::new(refused)))?;
            }
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Marks connections with the time of their last use.
#[derive(Debug)]
struct Keep;

impl<In: Transport> Connector<In> for Keep {
    type Out = Kept<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        WATCH.with(|watch| watch.connections_opened.set(watch.connections_opened.get() + 1));
        Ok(chained.map(|below| Kept { below, used_ms: wall_clock_ms() }))
    }
}

#[derive(Debug)]
struct Kept<T> {
    below: T,
    used_ms: u64,
}

fn wall_clock_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

impl<T: Transport> Transport for Kept<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.below.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let has_input = self.below.await_input(timeout)?;
        self.used_ms = wall_clock_ms();
        if has_input {
            WATCH.with(|watch| watch.has_heard.set(true));
        }
        Ok(has_input)
    }

    fn is_open(&mut self) -> bool {
        let idle = wall_clock_ms().saturating_sub(self.used_ms);
        idle <= WATCH.with(|watch| watch.longest_idle_ms.get()) && self.below.is_open()
    }

    fn is_tls(&self) -> bool {
        self.below.is_tls()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_spares_hosts_and_those_below_them() {
        let direct = Client::default().agent(None);
        for (except, host, spared) in [
            ("example.com", "example.com", true),
            ("example.com", "api.example.com", true),
            ("example.com", "badexample.com", false),
            (".example.com", "api.example.com", true),
            ("*.example.com", "api.example.com", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("*", "anything.org", true),
            ("example.com", "example.org", false),
        ] {
            let proxied = Proxied { agent: direct.clone(), except: vec![except.into()] };
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            assert_eq!(proxied.spares(&url), spared, "{except} {host}");
        }
    }
}
