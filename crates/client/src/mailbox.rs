//! Where the task puts what watches tell, and their owners take it out.

use crate::Error;
use crate::event::{Change, Gap, WatchedEvent};
use crate::session::Notice;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// The task's end of one watcher.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Of a one-shot watch.
    Once(oneshot::Sender<Result<WatchedEvent, Error>>),
    /// Of a lasting one.
    Lasting(Writer),
}

impl Sink {
    /// Passes a notice on, and returns the sink when more may come.
    pub(crate) fn tell(self, notice: Notice) -> Option<Self> {
        match (self, notice) {
            (Self::Once(owner), notice) => {
                let told = match notice {
                    Notice::Event(event) => Ok(event),
                    // Servers find out themselves whether a one-shot watch has missed anything.
                    Notice::Gap => return Some(Self::Once(owner)),
                    Notice::Removed => Err(Error::WatchRemoved),
                    Notice::Over(error) => Err(error),
                };
                // An owner that no longer waits is nothing to us.
                drop(owner.send(told));
                None
            }
            (Self::Lasting(writer), Notice::Event(event)) => {
                writer.0.push(Change::Event(event));
                Some(Self::Lasting(writer))
            }
            (Self::Lasting(writer), Notice::Gap) => {
                writer.0.push(Change::Gap(Gap::Reconnected));
                Some(Self::Lasting(writer))
            }
            (Self::Lasting(writer), Notice::Removed) => {
                writer.0.end(None);
                None
            }
            (Self::Lasting(writer), Notice::Over(error)) => {
                writer.0.end(Some(error));
                None
            }
        }
    }
}

/// The writing end of a mailbox; dropping it ends the mailbox.
#[derive(Debug)]
pub(crate) struct Writer(Arc<Mailbox>);

impl Drop for Writer {
    fn drop(&mut self) {
        // Without effect after an end of which the owner was told.
        self.0.end(Some(Error::Closed));
    }
}

/// A queue that never grows beyond its capacity: what does not fit becomes a gap.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inside: Mutex<Inside>,
    capacity: usize,
}

#[derive(Debug)]
struct Inside {
    changes: VecDeque<Change>,
    end: Option<Option<Error>>,
    waker: Option<Waker>,
}

impl Mailbox {
    /// An empty one and its writing end. At least one change fits.
    pub(crate) fn new(capacity: usize) -> (Writer, Arc<Self>) {
        let inside = Inside { changes: VecDeque::new(), end: None, waker: None };
        let mailbox = Arc::new(Self { inside: Mutex::new(inside), capacity: capacity.max(1) });
        (Writer(Arc::clone(&mailbox)), mailbox)
    }

    fn push(&self, change: Change) {
        let mut inside = self.lock();
        if inside.changes.len() < self.capacity {
            inside.changes.push_back(change);
        } else if let Some(last) = inside.changes.back_mut() {
            *last = Change::Gap(Gap::Overflowed);
        }
        wake(inside);
    }

    fn end(&self, error: Option<Error>) {
        let mut inside = self.lock();
        inside.end.get_or_insert(error);
        wake(inside);
    }

    /// The next change; the error that ended the watch once; then nothing.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Change, Error>>> {
        let mut inside = self.lock();
        if let Some(change) = inside.changes.pop_front() {
            return Poll::Ready(Some(Ok(change)));
        }
        if let Some(end) = &mut inside.end {
            return Poll::Ready(end.take().map(Err));
        }
        match &mut inside.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// Whether the task will write no more.
    pub(crate) fn is_ended(&self) -> bool {
        self.lock().end.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the owner when the lock is let go.
fn wake(mut inside: MutexGuard<'_, Inside>) {
    let waker = inside.waker.take();
    drop(inside);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::{Mailbox, Sink};
    use crate::Error;
    use crate::event::{Change, Gap, WatchedEvent};
    use crate::session::Notice;
    use proto::watch::EventType;
    use std::task::{Context, Poll, Waker};

    fn event(path: &str) -> WatchedEvent {
        WatchedEvent { kind: EventType::NodeCreated, path: path.to_owned(), zxid: None }
    }

    fn take(mailbox: &Mailbox) -> Vec<Result<Change, Error>> {
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(change)) = mailbox.poll(&mut context) {
            taken.push(change);
        }
        taken
    }

    #[test]
    fn what_does_not_fit_is_told_as_a_gap_and_later_changes_follow_it() {
        let (writer, mailbox) = Mailbox::new(3);
        let mut sink = Sink::Lasting(writer);
        for path in ["/a", "/b", "/c", "/d", "/e"] {
            sink = sink.tell(Notice::Event(event(path))).unwrap();
        }
        let told = |path| Ok(Change::Event(event(path)));
        assert_eq!(take(&mailbox), [told("/a"), told("/b"), Ok(Change::Gap(Gap::Overflowed))]);
        sink = sink.tell(Notice::Event(event("/f"))).unwrap();
        assert!(sink.tell(Notice::Over(Error::SessionExpired)).is_none());
        assert_eq!(take(&mailbox), [told("/f"), Err(Error::SessionExpired)]);
        assert_eq!(take(&mailbox), []);
    }

    #[test]
    fn a_task_that_is_gone_ends_its_watches() {
        let (writer, mailbox) = Mailbox::new(3);
        drop(writer);
        assert_eq!(take(&mailbox), [Err(Error::Closed)]);
        let (writer, mailbox) = Mailbox::new(3);
        assert!(Sink::Lasting(writer).tell(Notice::Removed).is_none());
        assert_eq!(take(&mailbox), []);
        assert!(mailbox.is_ended());
    }
}
