//! Three servers of one kind.

use crate::compare::lab::{Lab, Side};
use crate::drive::Target;
use crate::error::Error;
use crate::process::{Member, Process, Program, Settings};
use crate::rawclient::four_letter_word;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Members.
pub(super) const SIZE: usize = 3;
/// Longest wait for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest wait for an answer to a four-letter word.
const WORD: Duration = Duration::from_millis(500);

/// An ensemble. Its servers end when it is dropped.
pub(super) struct Trio {
    side: Side,
    program: Program,
    settings: Vec<Settings>,
    processes: Vec<Option<Process>>,
}

impl Trio {
    /// Starts three servers on empty directories and waits until all of them answer.
    pub(super) fn start(lab: &Lab, side: Side) -> Result<Self, Error> {
        let program = lab.program(side, None)?;
        let ports =
            (0..SIZE).map(|_| Ok((lab.free_port()?, lab.free_port()?))).collect::<Result<Vec<_>, Error>>()?;
        let mut settings = Vec::new();
        for id in 1..=SIZE as u8 {
            let member = Some(Member { id, ports: ports.clone() });
            settings.push(Settings { port: lab.free_port()?, member, ..lab.settings("member") });
        }
        let mut trio = Self { side, program, settings, processes: Vec::new() };
        trio.processes.resize_with(SIZE, || None);
        (0..SIZE).try_for_each(|at| trio.spawn(at))?;
        (0..SIZE).try_for_each(|at| trio.await_answer(at))?;
        Ok(trio)
    }

    pub(super) fn side(&self) -> Side {
        self.side
    }

    /// Those that run.
    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> + Clone {
        self.processes.iter().flatten()
    }

    /// The client addresses of all three.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.settings.iter().map(|settings| ([127, 0, 0, 1], settings.port).into()).collect()
    }

    /// Loads those that run through this many connections.
    pub(super) fn target(&self, lab: &Lab, connections: usize, pipeline: usize) -> Target {
        lab.target_of(self.processes(), connections, pipeline)
    }

    pub(super) fn spawn(&mut self, at: usize) -> Result<(), Error> {
        self.processes[at] = Some(Process::spawn(&self.program, &self.settings[at])?);
        Ok(())
    }

    pub(super) fn await_answer(&mut self, at: usize) -> Result<(), Error> {
        self.processes[at].as_mut().map_or(Ok(()), Process::await_first_answer)
    }

    /// Kills one member.
    pub(super) fn kill(&mut self, at: usize) {
        if let Some(process) = self.processes[at].take() {
            process.kill();
        }
    }

    /// Asks one member to end.
    pub(super) fn stop_one(&mut self, at: usize) -> Result<(), Error> {
        self.processes[at].take().map_or(Ok(()), Process::stop)
    }

    /// Asks all members to end.
    pub(super) fn stop(mut self) -> Result<(), Error> {
        (0..SIZE).try_for_each(|at| self.stop_one(at))
    }

    /// Waits for a member that leads.
    pub(super) fn leader(&self) -> Result<usize, Error> {
        self.until("one of three leads", || {
            (0..SIZE).find(|at| self.says(*at, "Mode: ").as_deref() == Some("leader"))
        })
    }

    /// The last transaction a member has applied.
    pub(super) fn zxid(&self, at: usize) -> Option<u64> {
        u64::from_str_radix(&self.says(at, "Zxid: 0x")?, 16).ok()
    }

    fn says(&self, at: usize, prefix: &str) -> Option<String> {
        let address = self.processes[at].as_ref()?.address();
        let answer = four_letter_word(address, "srvr", WORD).ok()?;
        answer.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
    }

    /// Asks again and again until there is an answer.
    pub(super) fn until<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> Result<T, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask() {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                let name = format!("{:?}", self.side);
                return Err(Error::Server { name, reason: format!("not in time: {what}") });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
