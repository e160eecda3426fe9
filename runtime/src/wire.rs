//! The connection that the Runtime API client speaks over.
//!
//! ureq's own transport looks twice at each request whether the peer is still there, sends head and
//! body apart and clears its buffers at the start. Between two processes of one machine none of that
//! pays: this one blocks, and collects a request into one `write`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// What a request may collect before it is sent. The buffer for it has as much again, since a header
/// of 32 KiB has to go in at once.
const COLLECTED: usize = 64 << 10;
/// What is asked of one read.
const INPUT: usize = 256 << 10;

/// Opens connections to the Runtime API.
#[derive(Debug)]
pub struct Wires;

impl Connector for Wires {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _chained: Option<()>,
    ) -> Result<Option<Wire>, Error> {
        let mut refused = Error::ConnectionFailed;
        for address in &details.addrs {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Some(Wire::new(stream)));
                }
                Err(error) => refused = error.into(),
            }
        }
        Err(refused)
    }
}

/// One blocking connection without time limits: `next` may have to wait for hours.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    buffers: WireBuffers,
    is_broken: bool,
    /// Why a request could not be sent to its end.
    unsent: Option<io::Error>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self { stream, buffers: WireBuffers::new(), is_broken: false, unsent: None }
    }

    /// Sends what is collected. A peer that does not take it may have answered already: whether it
    /// has is seen by reading.
    fn send_collected(&mut self) {
        let collected = std::mem::take(&mut self.buffers.collected);
        if self.unsent.is_none() {
            self.unsent = self.stream.write_all(&self.buffers.output[..collected]).err();
            self.is_broken |= self.unsent.is_some();
        }
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), Error> {
        self.buffers.collected += amount;
        if self.buffers.collected >= COLLECTED {
            self.send_collected();
        }
        Ok(())
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, Error> {
        self.send_collected();
        loop {
            let read = self.stream.read(self.buffers.input_append_buf());
            match (read, &mut self.unsent) {
                (Ok(amount @ 1..), _) => {
                    self.buffers.input_appended(amount);
                    return Ok(true);
                }
                (Err(error), _) if error.kind() == ErrorKind::Interrupted => {}
                (Ok(0), None) => {
                    self.is_broken = true;
                    return Ok(false);
                }
                (Err(error), None) => {
                    self.is_broken = true;
                    // ureq takes the kind of a reset for an end, and what came before it for whole.
                    return Err(io::Error::other(error).into());
                }
                (Ok(0) | Err(_), unsent) => {
                    return Err(unsent.take().unwrap_or(ErrorKind::BrokenPipe.into()).into());
                }
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // A peer that has closed meanwhile shows at the next exchange, which is then tried again.
        !self.is_broken
    }
}

/// Buffers large enough that the allocator takes them from the system, where pages that are never
/// written to cost nothing.
#[derive(Debug)]
struct WireBuffers {
    /// What is collected for the next `write`, and after it room for more.
    output: Vec<u8>,
    collected: usize,
    /// Where a body in chunks would be read to before it is framed.
    scratch: [u8; 1024],
    input: Vec<u8>,
    /// `input[consumed..filled]` waits to be read.
    consumed: usize,
    filled: usize,
    made_progress: bool,
}

impl WireBuffers {
    fn new() -> Self {
        Self {
            output: vec![0; 2 * COLLECTED],
            collected: 0,
            scratch: [0; 1024],
            input: vec![0; INPUT],
            consumed: 0,
            filled: 0,
            made_progress: false,
        }
    }
}

impl Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        &mut self.output[self.collected..]
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.scratch, &mut self.output[self.collected..])
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        if self.consumed > 0 {
            self.input.copy_within(self.consumed..self.filled, 0);
            (self.consumed, self.filled) = (0, self.filled - self.consumed);
        }
        &mut self.input[self.filled..]
    }

    fn input_appended(&mut self, amount: usize) {
        self.filled += amount;
    }

    fn input_consume(&mut self, amount: usize) {
        self.made_progress = amount > 0;
        self.consumed += amount;
    }

    fn can_use_input(&self) -> bool {
        self.consumed < self.filled && self.made_progress
    }
}
