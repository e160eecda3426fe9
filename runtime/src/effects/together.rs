//! Requests that wait for their answers at the same time: each on a thread of its own, with the same
//! client behind it.
//!
//! The script's thread is the only one that has values, counts memory and asks the policy. A thread
//! gets a request in plain bytes and hands the answer back in plain bytes, some pieces of which wait
//! to be taken. It ends with its request, or when nobody waits for the answer any more.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use once_cell::unsync::OnceCell;

use super::client::Client;
use super::{Failure, OutOfReach, Pending, Request, Response, Url};
use crate::memory::{self, foreign};

/// Enough for a TLS handshake, of which a thread touches what it needs.
const STACK: usize = 1 << 20;

/// The size of a piece of a body, in bytes, and how many of them wait to be taken.
const PIECE: usize = 32 << 10;
const MOST_WAITING: usize = 2;

/// Sends requests beside each other; made of nothing until the first.
#[derive(Debug, Default)]
pub struct Together {
    out_of_reach: Arc<OutOfReach>,
    shared: OnceCell<Shared>,
    /// How often the bell had rung when it was listened to last.
    heard: Cell<u64>,
}

/// What the threads have in common.
#[derive(Debug)]
struct Shared {
    /// Not the client of single requests: what that has was made on the script's thread, which counts
    /// it until it is given back there.
    client: Arc<Client>,
    bell: Arc<Bell>,
}

/// Rings when there is something to be taken.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<u64>,
    ringing: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.ringing.notify_one();
    }
}

/// A request without anything that belongs to one thread.
struct Parcel {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Duration,
}

/// What comes of a request, in this order.
enum Come {
    Failed(Failure),
    Head { status: u16, headers: Vec<(String, String)> },
    Piece(Vec<u8>),
    End,
}

impl Together {
    /// Requests that never go to these addresses.
    #[must_use]
    pub fn without(out_of_reach: Arc<OutOfReach>) -> Self {
        Self { out_of_reach, ..Self::default() }
    }

    fn shared(&self) -> &Shared {
        self.shared.get_or_init(|| Shared {
            client: Arc::new(Client::shared_without(self.out_of_reach.clone())),
            bell: Arc::default(),
        })
    }

    /// Begins a request; none where there is no thread or no memory for it.
    pub fn begin(&self, request: &Request) -> Option<Begun> {
        let charge = Charge::of(OF_THREAD + request.body.len())?;
        let coming = foreign(|| {
            let Shared { client, bell } = self.shared();
            let (client, bell) = (client.clone(), bell.clone());
            let parcel = Parcel {
                method: request.method.clone(),
                url: request.url.clone(),
                headers: request.headers.clone(),
                body: request.body.to_vec(),
                timeout: request.timeout,
            };
            let (sender, coming) = sync_channel(MOST_WAITING);
            let begun = spawn(move || {
                let tell = Tell { sender: Some(sender), bell };
                exchange(&client, parcel, &tell);
            });
            let what = format!("{} {}", request.method, request.url.shown());
            match begun {
                Ok(()) => Some(Coming { coming, what, piece: Vec::new(), taken: 0 }),
                Err(error) => {
                    log::debug!("{what}: no thread for it: {error}");
                    None
                }
            }
        });
        Some(Begun { coming: Some(coming?), charge: Some(charge) })
    }

    /// Waits until something has come since the last time, but no longer than this.
    pub fn wait(&self, longest: Duration) {
        let bell = &foreign(|| self.shared()).bell;
        let rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = self.heard.get();
        let waited = bell.ringing.wait_timeout_while(rung, longest, |rung| *rung == heard);
        self.heard.set(*waited.unwrap_or_else(PoisonError::into_inner).0);
    }
}

/// About what a thread takes: its stack, and the buffers of its connection, in bytes.
const OF_THREAD: usize = 256 << 10;

/// Memory that a thread takes for the script, which is the script's for so long.
#[derive(Debug)]
struct Charge(usize);

impl Charge {
    /// None where there is not so much memory.
    fn of(bytes: usize) -> Option<Self> {
        memory::has_room_for(bytes).then(|| {
            memory::charge(bytes);
            Self(bytes)
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        memory::discharge(self.0);
    }
}

/// Starts a thread, from whose doings the script's thread is kept free.
fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    static ONE_ARENA: Once = Once::new();
    // glibc would reserve 64 MiB of addresses for what each of some threads allocates.
    // SAFETY: the call takes two numbers.
    ONE_ARENA.call_once(|| unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    });
    // A timer of the script's thread would interrupt reads that have a timeout, which no flag has
    // repeated.
    // SAFETY: the sets are whole before they are read; the thread's own mask comes back.
    unsafe {
        let (mut timer, mut before) = (mem::zeroed(), mem::zeroed());
        libc::sigemptyset(&raw mut timer);
        libc::sigaddset(&raw mut timer, libc::SIGVTALRM);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const timer, &raw mut before);
        let started = thread::Builder::new().stack_size(STACK).spawn(work);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        started.map(drop)
    }
}

/// Where a thread tells what comes.
struct Tell {
    sender: Option<SyncSender<Come>>,
    bell: Arc<Bell>,
}

impl Tell {
    /// Whether somebody still waits for it.
    fn that(&self, come: Come) -> bool {
        let is_wanted = self.sender.as_ref().is_some_and(|sender| sender.send(come).is_ok());
        self.bell.ring();
        is_wanted
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        // A thread that panics tells its end by it.
        self.sender = None;
        self.bell.ring();
    }
}

fn exchange(client: &Client, parcel: Parcel, tell: &Tell) {
    let Parcel { method, url, headers, body, timeout } = parcel;
    let request =
        Request { method, url, headers, body: Rc::new(body), timeout, place: 0, aws: None };
    let answer = client.exchange(&request);
    // A body may be large, and whoever waits for the answer has one of their own.
    drop(request);
    let Response { status, headers, mut body } = match answer {
        Ok(response) => response,
        Err(failure) => {
            tell.that(Come::Failed(failure));
            return;
        }
    };
    if !tell.that(Come::Head { status, headers }) {
        return;
    }
    loop {
        let mut piece = vec![0; PIECE];
        let come =
            match body.read(&mut piece) {
                Ok(0) => Come::End,
                Ok(length) => {
                    piece.truncate(length);
                    Come::Piece(piece)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Come::Failed(error.downcast().unwrap_or_else(|error| {
                    Failure::new("Http.InvalidResponse", error.to_string())
                })),
            };
        let is_last = !matches!(come, Come::Piece(_));
        // A connection is kept before anybody asks for the next.
        if is_last {
            drop(mem::replace(&mut body, Box::new(io::empty())));
        }
        if !tell.that(come) || is_last {
            return;
        }
    }
}

/// A request that was begun, until its answer is taken.
#[derive(Debug)]
pub struct Begun {
    coming: Option<Coming>,
    charge: Option<Charge>,
}

/// What is to come of a request. Nothing of it counts as the script's memory but what is copied.
#[derive(Debug)]
struct Coming {
    coming: Receiver<Come>,
    what: String,
    piece: Vec<u8>,
    taken: usize,
}

impl Coming {
    /// What has come, if something has.
    fn next(&self) -> Option<Come> {
        foreign(|| match self.coming.try_recv() {
            Ok(come) => Some(come),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                let message = format!("{}: the exchange broke off", self.what);
                Some(Come::Failed(Failure::new("Http.ConnectionLost", message)))
            }
        })
    }
}

/// A copy of what another thread made, which is given back.
fn copy<T: Clone>(foreigner: T) -> T {
    let copy = foreigner.clone();
    foreign(|| drop(foreigner));
    copy
}

impl Pending for Begun {
    fn answer(&mut self) -> Option<Result<Response, Failure>> {
        match self.coming.as_ref()?.next()? {
            Come::Head { status, headers } => {
                let (coming, charge) = (self.coming.take(), self.charge.take());
                let body = Box::new(Body { coming, charge });
                Some(Ok(Response { status, headers: copy(headers), body }))
            }
            Come::Failed(failure) => {
                foreign(|| self.coming = None);
                self.charge = None;
                Some(Err(copy(failure)))
            }
            Come::Piece(_) | Come::End => None,
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        foreign(|| self.coming = None);
    }
}

/// The body of an answer, until its end.
#[derive(Debug)]
struct Body {
    coming: Option<Coming>,
    charge: Option<Charge>,
}

impl Body {
    fn end(&mut self) {
        foreign(|| self.coming = None);
        self.charge = None;
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(coming) = &mut self.coming else { return Ok(0) };
        if coming.taken == coming.piece.len() {
            match coming.next() {
                None => return Err(ErrorKind::WouldBlock.into()),
                Some(Come::Piece(piece)) => {
                    foreign(|| coming.piece = piece);
                    coming.taken = 0;
                }
                Some(Come::Failed(failure)) => {
                    self.end();
                    return Err(io::Error::other(copy(failure)));
                }
                Some(Come::End | Come::Head { .. }) => {
                    self.end();
                    return Ok(0);
                }
            }
        }
        let length = buffer.len().min(coming.piece.len() - coming.taken);
        buffer[..length].copy_from_slice(&coming.piece[coming.taken..coming.taken + length]);
        coming.taken += length;
        Ok(length)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.end();
    }
}
