//! What happens, told to whoever listens at the moment.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// So many listeners there may be; each holds a connection.
const MAX_LISTENERS: usize = 32;

/// So many messages wait for a slow listener, who misses those that come then.
const MAX_WAITING: usize = 1024;

/// A kind of message and its JSON.
pub(crate) type Message = Arc<(&'static str, String)>;

/// The listeners.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    listeners: Mutex<Vec<SyncSender<Message>>>,
}

impl Feed {
    /// Listens from now on; nothing when there are enough who do.
    pub(crate) fn listen(&self) -> Option<Receiver<Message>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.len() >= MAX_LISTENERS {
            return None;
        }
        let (sender, messages) = sync_channel(MAX_WAITING);
        listeners.push(sender);
        Some(messages)
    }

    /// Tells the listeners, if there are any.
    pub(crate) fn tell(&self, kind: &'static str, message: impl FnOnce() -> Value) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.is_empty() {
            return;
        }
        let message: Message = Arc::new((kind, message().to_string()));
        listeners.retain(|listener| {
            let sent = listener.try_send(Arc::clone(&message));
            !matches!(sent, Err(TrySendError::Disconnected(_)))
        });
    }

    /// Forgets those who have gone, which otherwise the next message would find out.
    pub(crate) fn forget_gone(&self, gone: Receiver<Message>) {
        drop(gone);
        self.tell("alive", || Value::Null);
    }
}
