//! The event loop of one generator thread: opens connections, moves bytes, asks a driver what next.

use crate::control::{Control, Lane};
use crate::link::{Arrival, Link, LinkError, Outbox};
use mio::{Events, Interest, Poll, Token};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// One read takes at most this much; bodies are scanned in place.
const READ_BUFFER: usize = 256 * 1024;
/// Connections being opened at a time, below the backlog of 50 that servers listen with.
const OPENING: usize = 32;
/// How long an idle loop sleeps before it looks at the run's phase again.
const TURN: Duration = Duration::from_millis(5);
/// How long replies and events may take after the last request, nanoseconds.
const DRAINING: u64 = 30_000_000_000;
/// How long the goodbyes at the end may take.
const CLOSING: Duration = Duration::from_secs(10);

/// What a driver may touch besides the connection at hand.
#[derive(Debug, Default)]
pub(crate) struct Context {
    /// Connections of this thread to be visited through [`Driver::on_visit`].
    pub(crate) visit: Vec<usize>,
    /// Where latencies count right now.
    pub(crate) lane: Lane,
    /// Nanoseconds since the run began.
    pub(crate) now: u64,
}

/// Decides what connections send. One per thread.
pub(crate) trait Driver {
    /// Something arrived on connection `at`.
    fn on_arrival(&mut self, at: usize, outbox: &mut Outbox, arrival: Arrival, cx: &mut Context);
    /// The driver asked to see connection `at`.
    fn on_visit(&mut self, _at: usize, _outbox: &mut Outbox, _cx: &mut Context) {}
    /// One turn of the loop is over; false ends the run.
    fn on_turn(&mut self, cx: &mut Context) -> bool;
    /// Operations counted so far, for progress and rates.
    fn ops(&self) -> u64;
}

/// What one thread runs.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The server of each connection of this thread.
    pub(crate) servers: Vec<SocketAddr>,
    /// Wanted session timeout, milliseconds.
    pub(crate) timeout_ms: i32,
    /// This thread's number, for its counter.
    pub(crate) thread: usize,
}

/// Opens the connections of `job`, lets `driver` use them until it has enough, closes them.
///
/// # Errors
/// The first connection that fails ends the run.
pub(crate) fn run(job: Job, control: &Control, driver: &mut impl Driver) -> Result<(), LinkError> {
    let mut engine = Engine::new(job)?;
    while engine.turn(control, driver)? {}
    engine.close()
}

struct Engine {
    job: Job,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    links: Vec<Link>,
    open: usize,
    drain_until: Option<u64>,
    cx: Context,
}

impl Engine {
    fn new(job: Job) -> Result<Self, LinkError> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; READ_BUFFER],
            links: Vec::with_capacity(job.servers.len()),
            job,
            open: 0,
            drain_until: None,
            cx: Context::default(),
        })
    }

    fn turn(&mut self, control: &Control, driver: &mut impl Driver) -> Result<bool, LinkError> {
        self.open_more()?;
        self.wait(TURN)?;
        self.cx.lane = control.lane();
        let was_open = self.open;
        for event in &self.events {
            let at = event.token().0;
            let link = &mut self.links[at];
            if event.is_readable() {
                self.cx.now = control.now();
                let (cx, open) = (&mut self.cx, &mut self.open);
                link.receive(&mut self.buffer, event.is_read_closed(), |outbox, arrival| {
                    *open += usize::from(matches!(arrival, Arrival::Opened { .. }));
                    driver.on_arrival(at, outbox, arrival, cx);
                })?;
            }
            link.flush()?;
        }
        self.cx.now = control.now();
        let go_on = driver.on_turn(&mut self.cx);
        for i in 0..self.cx.visit.len() {
            let at = self.cx.visit[i];
            let link = &mut self.links[at];
            driver.on_visit(at, &mut link.outbox, &mut self.cx);
            link.flush()?;
        }
        self.cx.visit.clear();
        control.count(self.job.thread, driver.ops(), self.open - was_open);
        if go_on
            && self.cx.lane == Lane::Drain
            && self.cx.now > *self.drain_until.get_or_insert(self.cx.now + DRAINING)
        {
            return Err(LinkError::Protocol(
                "replies or events were still missing half a minute after the end".into(),
            ));
        }
        Ok(go_on && !control.aborted())
    }

    fn wait(&mut self, at_most: Duration) -> Result<(), LinkError> {
        match self.poll.poll(&mut self.events, Some(at_most)) {
            Err(e) if e.kind() != std::io::ErrorKind::Interrupted => Err(e.into()),
            _ => Ok(()),
        }
    }

    fn open_more(&mut self) -> Result<(), LinkError> {
        while self.links.len() < self.job.servers.len() && self.links.len() - self.open < OPENING {
            let mut link = Link::open(self.job.servers[self.links.len()], self.job.timeout_ms)?;
            let token = Token(self.links.len());
            self.poll.registry().register(link.socket(), token, Interest::READABLE | Interest::WRITABLE)?;
            // Refused by systems where the connect is still under way; only latency is at stake.
            let _ = link.socket().set_nodelay(true);
            self.links.push(link);
        }
        Ok(())
    }

    fn close(mut self) -> Result<(), LinkError> {
        for link in &mut self.links {
            link.close();
            link.flush()?;
        }
        let deadline = Instant::now() + CLOSING;
        while self.links.iter().any(|link| !link.is_closed()) && Instant::now() < deadline {
            self.wait(TURN)?;
            for event in &self.events {
                let link = &mut self.links[event.token().0];
                if event.is_readable() {
                    link.receive(&mut self.buffer, event.is_read_closed(), |_, _| ())?;
                }
                if !link.is_closed() {
                    link.flush()?;
                }
            }
        }
        Ok(())
    }
}
