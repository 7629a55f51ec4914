//! A request under way.

use crate::Error;
use crate::session::Reply;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::oneshot;

/// A request whose reply can be awaited.
///
/// It is on its way from the moment the method that made it was called, whether it is awaited or not, and
/// requests of one client (and its clones) reach the server in the order of those calls. So requests can be
/// pipelined by calling first and awaiting later. Dropping it does not take the request back.
///
/// ```
/// # mod server { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/embedded.in")); }
/// # server::with_client(|client| async move {
/// use zabra_client::Create;
///
/// // All three are sent without waiting for each other.
/// let parent = client.create("/jobs", "", &Create::persistent());
/// let child = client.create("/jobs/1", "sort", &Create::persistent());
/// let read = client.get_data("/jobs/1");
/// parent.await?;
/// child.await?;
/// assert_eq!(read.await?.bytes(), b"sort");
/// # Ok(()) });
/// ```
#[must_use = "the request is sent, but only awaiting it tells whether it succeeded"]
pub struct Request<T>(Stage<T>);

type Finish<T> = Box<dyn FnOnce(Result<Reply, Error>) -> Result<T, Error> + Send>;

enum Stage<T> {
    /// It never went out.
    Refused(Error),
    Sent {
        reply: oneshot::Receiver<Result<Reply, Error>>,
        finish: Finish<T>,
    },
    Done,
}

impl<T> Request<T> {
    pub(crate) fn refused(error: Error) -> Self {
        Self(Stage::Refused(error))
    }

    pub(crate) fn sent(reply: oneshot::Receiver<Result<Reply, Error>>, finish: Finish<T>) -> Self {
        Self(Stage::Sent { reply, finish })
    }
}

impl<T> Future for Request<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.0 {
            Stage::Sent { reply, .. } => {
                // The task went with its runtime: what it had sent may have happened.
                Some(ready!(Pin::new(reply).poll(context)).unwrap_or(Err(Error::ConnectionLost)))
            }
            Stage::Refused(_) | Stage::Done => None,
        };
        match (std::mem::replace(&mut self.0, Stage::Done), outcome) {
            (Stage::Sent { finish, .. }, Some(outcome)) => Poll::Ready(finish(outcome)),
            (Stage::Refused(error), _) => Poll::Ready(Err(error)),
            _ => panic!("a request was polled after its result was given"),
        }
    }
}

// Nothing in it is ever pinned in place.
impl<T> Unpin for Request<T> {}

impl<T> fmt::Debug for Request<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}
