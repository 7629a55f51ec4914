//! The one task of a client: it owns the connection, carries out what the session puts out, and tells the
//! session what happened. Nothing here decides what is true of the session.

mod dial;
mod link;
mod rota;

use crate::Error;
use crate::hosts::{Host, HostSource};
use crate::mailbox::Sink;
use crate::resolver::Resolver;
use crate::session::{Input, Notice, Output, Reply, Session, Submission, WatcherId};
use crate::state::{Credentials, SessionState};
use dial::{DialFuture, Dialer, ProbeFuture};
use link::Link;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Sleep};

/// Commands taken in one turn, before the connection is looked at again.
const COMMANDS_PER_TURN: usize = 256;

/// Where the reply of a request goes.
pub(crate) type Ticket = oneshot::Sender<Result<Reply, Error>>;

/// What client handles ask of the task.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send a request; what its watch tells goes to the sink.
    Submit(Submission<Ticket>, Option<(WatcherId, Sink)>),
    /// Authenticate.
    Auth { scheme: String, data: Vec<u8>, ticket: Option<Ticket> },
    /// A watcher was dropped.
    Forget(WatcherId),
    /// Close the session; give up telling servers at `deadline`.
    Close { ticket: Ticket, deadline: Duration },
}

/// What the task is given at its start.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) session: Session<Ticket>,
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
    pub(crate) state: watch::Sender<SessionState>,
    pub(crate) credentials: Arc<Mutex<Option<Credentials>>>,
    pub(crate) source: Arc<dyn HostSource>,
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) origin: Instant,
    pub(crate) seed: u64,
    pub(crate) max_reply_bytes: usize,
    pub(crate) attempt_timeout: Duration,
    pub(crate) close_timeout: Duration,
}

struct Driver {
    parts: Parts,
    dialer: Dialer,
    dialing: Option<(u64, DialFuture)>,
    link: Option<Link>,
    /// Whether the connection has got as far as a session.
    is_up: bool,
    probe: Option<(u64, ProbeFuture)>,
    sinks: HashMap<WatcherId, Sink>,
    outputs: Vec<Output<Ticket>>,
    /// Nobody holds a handle any more.
    is_abandoned: bool,
}

enum Happened {
    Asked(Option<Command>),
    Dialed(u64, io::Result<TcpStream>),
    Moved(io::Result<()>),
    Probed(u64, Option<Host>),
    Time,
}

/// Runs a client until its session is over and nobody holds a handle.
pub(crate) async fn run(parts: Parts) {
    let dialer = Dialer::new(&parts);
    let mut driver = Driver {
        parts,
        dialer,
        dialing: None,
        link: None,
        is_up: false,
        probe: None,
        sinks: HashMap::new(),
        outputs: Vec::new(),
        is_abandoned: false,
    };
    let mut timer = Box::pin(tokio::time::sleep_until(driver.parts.origin));
    driver.step(Input::Tick);
    while !(driver.is_abandoned && driver.parts.session.is_over()) {
        let happened = driver.wait(timer.as_mut()).await;
        driver.take(happened);
    }
}

impl Driver {
    /// Waits for the next thing to happen. Everything waited for can be dropped half-way without loss.
    async fn wait(&mut self, mut timer: Pin<&mut Sleep>) -> Happened {
        let deadline = self.parts.session.next_deadline().map(|at| self.parts.origin + at);
        if let Some(deadline) = deadline
            && (timer.is_elapsed() || timer.deadline() > deadline)
        {
            // A timer that rings early costs less than one that is set anew for every request.
            timer.as_mut().reset(deadline);
        }
        let Self { parts, dialing, link, probe, is_abandoned, .. } = self;
        tokio::select! {
            command = parts.commands.recv(), if !*is_abandoned => Happened::Asked(command),
            (generation, dialed) = pending(dialing) => Happened::Dialed(generation, dialed),
            moved = async { link.as_mut().expect("checked before").turn().await }, if link.is_some() => {
                Happened::Moved(moved)
            }
            (generation, found) = pending(probe) => Happened::Probed(generation, found),
            () = timer, if deadline.is_some() => Happened::Time,
        }
    }

    fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Asked(Some(command)) => self.on_commands(command),
            Happened::Asked(None) => {
                self.is_abandoned = true;
                let deadline = self.now() + self.parts.close_timeout;
                self.step(Input::Close { token: None, deadline });
            }
            Happened::Dialed(generation, Ok(stream)) => {
                self.dialing = None;
                self.link = Some(Link::new(generation, stream, self.parts.max_reply_bytes));
                self.step(Input::Connected { generation });
            }
            Happened::Dialed(generation, Err(error)) => {
                tracing::debug!(?error, "an attempt to connect failed");
                self.dialing = None;
                self.step(Input::Failed { generation });
            }
            Happened::Moved(Ok(())) => self.on_bytes(),
            Happened::Moved(Err(error)) => self.on_broken(&error),
            Happened::Probed(generation, found) => {
                self.probe = None;
                if let Some(host) = found {
                    self.step(Input::Writable { generation });
                    self.dialer.prefer(host);
                }
            }
            Happened::Time => self.step(Input::Tick),
        }
    }

    fn on_commands(&mut self, first: Command) {
        let mut next = Some(first);
        let mut room = COMMANDS_PER_TURN;
        let now = self.now();
        while let Some(command) = next {
            let input = match command {
                Command::Submit(submission, sink) => {
                    self.sinks.extend(sink);
                    Input::Submit(submission)
                }
                Command::Auth { scheme, data, ticket } => Input::Auth { scheme, data, token: ticket },
                Command::Forget(id) => {
                    self.sinks.remove(&id);
                    Input::Forget(id)
                }
                Command::Close { ticket, deadline } => Input::Close { token: Some(ticket), deadline },
            };
            self.parts.session.step(now, input, &mut self.outputs);
            room -= 1;
            next = if room > 0 { self.parts.commands.try_recv().ok() } else { None };
        }
        self.perform();
    }

    /// Feeds every frame that has come in whole.
    fn on_bytes(&mut self) {
        let now = self.now();
        let Some(link) = &mut self.link else { return };
        let generation = link.generation;
        let fed = link.frames(|payload| {
            self.parts.session.step(now, Input::Frame { generation, payload }, &mut self.outputs);
        });
        self.perform();
        if let Err(error) = fed {
            self.on_broken(&error);
        }
    }

    fn on_broken(&mut self, error: &io::Error) {
        let Some(link) = self.link.take() else { return };
        tracing::debug!(?error, "the connection broke");
        self.dialer.lost(std::mem::take(&mut self.is_up));
        self.step(Input::Failed { generation: link.generation });
    }

    fn step(&mut self, input: Input<'_, Ticket>) {
        let now = self.now();
        self.parts.session.step(now, input, &mut self.outputs);
        self.perform();
    }

    fn perform(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Send(bytes) => {
                    if let Some(link) = &mut self.link {
                        link.send(bytes);
                    }
                }
                // An owner that no longer waits is nothing to us.
                Output::Complete(ticket, result) => drop(ticket.send(result)),
                Output::Notify(id, notice) => self.notify(id, notice),
                Output::Dial { generation } => self.dialing = Some((generation, self.dialer.dial())),
                Output::HangUp => {
                    self.dialing = None;
                    self.probe = None;
                    self.link = None;
                    self.dialer.lost(std::mem::take(&mut self.is_up));
                }
                Output::Probe { generation } => self.probe = Some((generation, self.dialer.probe())),
                Output::State(state) => self.show(state),
            }
        }
        self.outputs = outputs;
    }

    fn notify(&mut self, id: WatcherId, notice: Notice) {
        if let Some(sink) = self.sinks.remove(&id)
            && let Some(lasting) = sink.tell(notice)
        {
            self.sinks.insert(id, lasting);
        }
    }

    fn show(&mut self, state: SessionState) {
        self.is_up = state.is_connected();
        let known = self.parts.session.credentials().cloned();
        *self.parts.credentials.lock().unwrap_or_else(PoisonError::into_inner) = known;
        self.parts.state.send_replace(state);
    }

    fn now(&self) -> Duration {
        self.parts.origin.elapsed()
    }
}

/// Waits for a future that may not be there: then for ever.
async fn pending<F: Future + Unpin>(slot: &mut Option<(u64, F)>) -> (u64, F::Output) {
    match slot {
        Some((generation, future)) => {
            let done = future.await;
            (*generation, done)
        }
        None => std::future::pending().await,
    }
}
