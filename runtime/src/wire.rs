//! The connection that the Runtime API client speaks over.
//!
//! ureq's own transport looks twice at each request whether the peer is still there, sends head and
//! body apart and clears two buffers of 128 KiB at the start. Between two processes of one machine
//! none of that pays: this one blocks, collects a request into one `write`, and begins with small
//! buffers that grow when they are filled.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// What a request may collect before it is sent, and one piece of it.
const COLLECTED: usize = 48 << 10;
const PIECE: usize = 16 << 10;
/// The buffer for answers: at first, and the most that one read asks for.
const FIRST_INPUT: usize = 8 << 10;
const MOST_INPUT: usize = 256 << 10;

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
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self { stream, buffers: WireBuffers::default(), is_broken: false }
    }

    fn send_collected(&mut self) -> Result<(), Error> {
        let collected = std::mem::take(&mut self.buffers.collected);
        let sent = self.stream.write_all(&self.buffers.output[..collected]);
        self.is_broken |= sent.is_err();
        Ok(sent?)
    }
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), Error> {
        self.buffers.collected += amount;
        if self.buffers.collected >= COLLECTED { self.send_collected() } else { Ok(()) }
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, Error> {
        self.send_collected()?;
        loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.is_broken |= amount == 0;
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_broken = true;
                    return Err(error.into());
                }
            }
        }
    }

    fn is_open(&mut self) -> bool {
        // A peer that has closed meanwhile shows at the next exchange, which is then tried again.
        !self.is_broken
    }
}

#[derive(Debug, Default)]
struct WireBuffers {
    /// What is collected for the next `write`, and after it room for one piece.
    output: Vec<u8>,
    collected: usize,
    /// Where pieces of a body are read to before they are framed.
    scratch: Vec<u8>,
    input: Vec<u8>,
    /// `input[consumed..filled]` waits to be read.
    consumed: usize,
    filled: usize,
    made_progress: bool,
}

impl WireBuffers {
    fn make_room(&mut self) {
        if self.consumed == self.filled {
            (self.consumed, self.filled) = (0, 0);
        }
        let is_full = self.filled == self.input.len();
        if is_full && self.consumed > 0 {
            self.input.copy_within(self.consumed..self.filled, 0);
            (self.consumed, self.filled) = (0, self.filled - self.consumed);
        }
        // A buffer that one read has filled is worth a larger one; one that cannot even hold the
        // head of an answer needs it.
        let wanted = match self.input.len() {
            0 => FIRST_INPUT,
            size if is_full && (size < MOST_INPUT || self.filled == size) => size * 2,
            size => size,
        };
        self.input.resize(wanted, 0);
    }
}

impl Buffers for WireBuffers {
    fn output(&mut self) -> &mut [u8] {
        if self.output.is_empty() {
            self.output = vec![0; COLLECTED + PIECE];
        }
        &mut self.output[self.collected..]
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        if self.output.is_empty() {
            self.output = vec![0; COLLECTED + PIECE];
        }
        if self.scratch.is_empty() {
            self.scratch = vec![0; PIECE];
        }
        (&mut self.scratch, &mut self.output[self.collected..])
    }

    fn input(&self) -> &[u8] {
        &self.input[self.consumed..self.filled]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        self.make_room();
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
