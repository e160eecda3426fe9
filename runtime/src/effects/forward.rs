//! Plain HTTP through a proxy: the connection goes to the proxy, and each request says whole URLs.
//!
//! RFC 9112, 3.2.2. The client would ask for a tunnel here too, which many proxies give for port 443
//! only.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Has requests say to a proxy where they go.
#[derive(Debug)]
pub struct Forward {
    /// `Proxy-Authorization: …` and its line end, or nothing.
    authorization: String,
}

impl Forward {
    /// Through a proxy that may want this header's value.
    #[must_use]
    pub fn new(authorization: Option<&str>) -> Self {
        let header = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n"));
        Self { authorization: header.unwrap_or_default() }
    }
}

impl<In: Transport> Connector<In> for Forward {
    type Out = Forwarded<In>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let authority = details.uri.authority().map_or("", |authority| authority.as_str());
        Ok(chained.map(|below| Forwarded {
            below,
            origin: format!("http://{authority}"),
            authorization: self.authorization.clone(),
            begins: true,
        }))
    }
}

/// A connection to a proxy.
pub struct Forwarded<T> {
    below: T,
    origin: String,
    authorization: String,
    /// What is sent next is the head of a request.
    begins: bool,
}

impl<T> fmt::Debug for Forwarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl<T: Transport> Transport for Forwarded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.below.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::take(&mut self.begins) {
            return self.below.transmit_output(amount, timeout);
        }
        let head = self.below.buffers().output()[..amount].to_vec();
        let split = |at: u8| head.iter().position(|&byte| byte == at).map_or(0, |end| end + 1);
        let (method, line) = (split(b' '), split(b'\n'));
        let message = [
            &head[..method],
            self.origin.as_bytes(),
            &head[method..line],
            self.authorization.as_bytes(),
            &head[line..],
        ]
        .concat();
        let mut rest = &message[..];
        while !rest.is_empty() {
            let output = self.below.buffers().output();
            let (now, later) = rest.split_at(rest.len().min(output.len()));
            output[..now.len()].copy_from_slice(now);
            self.below.transmit_output(now.len(), timeout)?;
            rest = later;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.begins = true;
        self.below.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.below.is_open()
    }

    fn is_tls(&self) -> bool {
        self.below.is_tls()
    }
}
