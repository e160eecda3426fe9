//! Servers that a script may call: good ones, and ones that misbehave.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::http;

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which of the server's connections it came over, from one.
    pub connection: usize,
    /// How many requests came before it.
    pub earlier: usize,
    /// The method.
    pub method: String,
    /// The path and query, or whatever stands there.
    pub target: String,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The first value of a header; empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What becomes of a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It waits for the next request.
    Keep,
    /// It ends.
    Close,
    /// It is reset.
    Reset,
    /// It says nothing more until the client hangs up.
    Hang,
}

/// A server that answers until the test ends.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Asked>>>,
}

/// Something that can be read from and written to.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// What a server does with a request.
type Answering = dyn Fn(&Asked, &mut dyn Stream) -> io::Result<After> + Send + Sync;

/// How a connection becomes one that requests are read from.
type Opening = dyn Fn(TcpStream) -> io::Result<Box<dyn Stream>> + Send + Sync;

impl Server {
    /// A server that says these bytes to each request and waits for the next.
    #[must_use]
    pub fn saying(say: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::doing(move |asked, stream| {
            stream.write_all(&say(asked))?;
            Ok(After::Keep)
        })
    }

    /// A server that does this with each request.
    #[must_use]
    pub fn doing(
        answer: impl Fn(&Asked, &mut dyn Stream) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        Self::start("http", Arc::new(|stream| Ok(Box::new(stream) as _)), Arc::new(answer))
    }

    /// A server that speaks TLS and says these bytes to each request.
    #[must_use]
    pub fn in_tls(
        authority: &Authority,
        name: &str,
        say: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let configuration = authority.configuration_for(name);
        let open = move |stream| {
            let session = ServerConnection::new(configuration.clone()).map_err(io::Error::other)?;
            Ok(Box::new(StreamOwned::new(session, stream)) as Box<dyn Stream>)
        };
        let answer = move |asked: &Asked, stream: &mut dyn Stream| {
            stream.write_all(&say(asked))?;
            Ok(After::Keep)
        };
        Self::start("https", Arc::new(open), Arc::new(answer))
    }

    fn start(scheme: &'static str, open: Arc<Opening>, answer: Arc<Answering>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let (open, answer, seen) = (open.clone(), answer.clone(), shared.clone());
                thread::spawn(move || {
                    // A client that hangs up is part of the plan.
                    let _ = serve(stream, index + 1, &*open, &*answer, &seen);
                });
            }
        });
        Self { address, scheme, seen }
    }

    /// Such as `http://127.0.0.1:12345`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests so far, in their order.
    #[must_use]
    pub fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    open: &Opening,
    answer: &Answering,
    seen: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    let mut reader = BufReader::new(open(stream)?);
    while let Some(head) = http::read_request_head(&mut reader)? {
        let body = http::read_body(&mut reader, &head)?;
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        let mut known = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (earlier, method, target) = (known.len(), head.method, head.path);
        let asked = Asked { connection, earlier, method, target, headers, body };
        known.push(asked.clone());
        drop(known);
        let after = answer(&asked, reader.get_mut())?;
        reader.get_mut().flush()?;
        match after {
            After::Keep => {}
            After::Close => break,
            After::Reset => {
                SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
                break;
            }
            After::Hang => {
                reader.fill_buf()?;
                break;
            }
        }
    }
    Ok(())
}

/// An answer with its length.
#[must_use]
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A proxy that connects one client to where it asks; gives the head of what it was asked.
#[must_use]
pub fn tunnel(listener: TcpListener) -> Receiver<String> {
    let (asked, heads) = channel();
    thread::spawn(move || -> io::Result<()> {
        let (client, _) = listener.accept()?;
        let mut reader = BufReader::new(client.try_clone()?);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head)?;
        }
        let target = head.split(' ').nth(1).unwrap_or_default();
        let server = TcpStream::connect(target)?;
        asked.send(head).ok();
        (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let (mut there, mut back) = (server.try_clone()?, client);
        thread::spawn(move || io::copy(&mut &server, &mut back));
        io::copy(&mut reader, &mut there)?;
        Ok(())
    });
    heads
}

static NAMES: AtomicU32 = AtomicU32::new(1);

/// An authority that nobody trusts by themselves.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    /// Without randomness.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        // Two of them are told apart by their names, as those of the world are.
        let name = format!("Authority {}", NAMES.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate, to be trusted.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    fn configuration_for(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key in DER");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key)
            })
            .expect("a configuration of a server");
        Arc::new(configuration)
    }
}
