//! TLS by rustls, over whatever connection there is.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::Failure;

/// Wraps connections for `https` in TLS; made of the configuration when the first is opened.
pub struct Tls {
    /// `SSL_CERT_FILE`: the certificates to trust instead of the bundled ones.
    certificates: Option<String>,
    configuration: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// TLS that trusts the certificates of this PEM file, or Mozilla's bundled ones.
    #[must_use]
    pub fn new(certificates: Option<String>) -> Self {
        Self { certificates, configuration: OnceCell::new() }
    }

    fn configuration(&self) -> Result<Arc<ClientConfig>, Failure> {
        let made = self.configuration.get_or_try_init(|| {
            let roots = match &self.certificates {
                None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
                Some(file) => certificates_of(file).map_err(|why| {
                    Failure::new("Http.Tls", format!("SSL_CERT_FILE is `{file}`: {why}"))
                })?,
            };
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
                .map(Arc::new)
                .map_err(|error| Failure::new("Http.Tls", error.to_string()))
        });
        made.cloned()
    }
}

fn certificates_of(file: &str) -> Result<RootCertStore, String> {
    let pem = std::fs::read(file).map_err(|error| format!("it cannot be read: {error}"))?;
    let certificates: Vec<CertificateDer> =
        CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    match added {
        0 => Err("it has no certificate in PEM form".into()),
        _ => Ok(roots),
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Encrypted>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(connection) = chained else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Either::A(connection)));
        }
        let failed = |failure: Failure| Error::Other(Box::new(failure));
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            failed(Failure::new("Http.Tls", format!("`{host}` is not a host name: {error}")))
        })?;
        let configuration = self.configuration().map_err(failed)?;
        let session = ClientConnection::new(configuration, name).map_err(tls_failure)?;
        let connection: Box<dyn Transport> = Box::new(connection);
        let mut below = TransportAdapter::new(connection, details.current_time.clone());
        below.set_timeout(details.timeout);
        let mut stream = StreamOwned::new(session, below);
        stream.conn.complete_io(&mut stream.sock).map_err(handshake_failure)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Encrypted { buffers, stream })))
    }
}

/// What rustls says of a certificate or a server, kept apart from a broken connection.
fn handshake_failure(error: std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => tls_failure(error.clone()),
        None => error.into(),
    }
}

fn tls_failure(error: rustls::Error) -> Error {
    let hint = match &error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "; to trust an authority of your own, name a PEM file in SSL_CERT_FILE"
        }
        _ => "",
    };
    Error::Other(Box::new(Failure::new("Http.Tls", format!("{error}{hint}"))))
}

/// A connection in TLS.
pub struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encrypted").finish_non_exhaustive()
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount]).map_err(handshake_failure)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount =
            self.stream.read(self.buffers.input_append_buf()).map_err(handshake_failure)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
