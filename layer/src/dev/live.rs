//! An invocation whose streamed response is passed on while the function makes it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::dev::registry::Found;
use crate::dev::workers::{Done, Event, Refusal, WhenBusy, Workers};

/// So many parts may wait for a slow client before the function waits with them.
const PARTS_ON_THE_WAY: usize = 16;

/// What comes of the invocation, in order.
#[derive(Debug)]
pub(super) enum Part {
    /// More of a streamed response.
    Data { content_type: Option<String>, bytes: Vec<u8> },
    /// The end. A response that was streamed has no body any more.
    Done(Box<Result<Done, Refusal>>),
}

/// Sends an event to a function. The last part is always [`Part::Done`].
pub(super) fn begin(workers: &Arc<Workers>, found: Found, event: Event) -> Receiver<Part> {
    let (sender, parts) = sync_channel(PARTS_ON_THE_WAY);
    let (workers, also_sender) = (Arc::clone(workers), sender.clone());
    let thread = thread::Builder::new().name("stream".to_owned()).spawn(move || {
        let watching = sender.clone();
        let watch = move |content_type: Option<&str>, bytes: &[u8]| {
            let content_type = content_type.map(str::to_owned);
            // A client that has gone is no reason to stop the function.
            drop(watching.send(Part::Data { content_type, bytes: bytes.to_vec() }));
        };
        let done = workers.invoke_live(&found, event, WhenBusy::Refuse, watch);
        drop(sender.send(Part::Done(Box::new(done))));
    });
    if let Err(error) = thread {
        let refusal = Refusal::Broken(format!("cannot start a thread: {error}"));
        drop(also_sender.send(Part::Done(Box::new(Err(refusal)))));
    }
    parts
}
