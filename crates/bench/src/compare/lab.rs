//! The place of a comparison: the programs, their directories and ports, the loads' sizes.

use crate::args::{CommonArgs, CompareArgs, default_threads};
use crate::drive::Target;
use crate::error::Error;
use crate::java::Java;
use crate::proc;
use crate::process::{Process, Program, Settings};
use std::cell::Cell;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Zabra,
    Java,
}

/// Everything a group of figures needs to start servers and load them.
pub(super) struct Lab {
    zabra: Option<PathBuf>,
    java: Option<Java>,
    java_heap: Option<String>,
    own_binary: PathBuf,
    holder: TempDir,
    port: u16,
    started: Cell<u16>,
    quiet_patience: Duration,
    pub(super) rounds: usize,
    pub(super) length: Duration,
    pub(super) warmup: Duration,
    pub(super) java_small_heap: String,
    pub(super) nodes: u32,
    pub(super) sessions: u32,
    small: u32,
}

impl Lab {
    pub(super) fn new(args: &CommonArgs) -> Result<Self, Error> {
        fs::create_dir_all(&args.dir).map_err(Error::file(&args.dir))?;
        let dir = args.dir.canonicalize().map_err(Error::file(&args.dir))?;
        let holder =
            tempfile::Builder::new().prefix("compare-").tempdir_in(&dir).map_err(Error::file(&dir))?;
        let own_binary = std::env::current_exe().map_err(Error::file("this program"))?;
        Ok(Self {
            zabra: (!args.no_zabra).then(|| args.zabra.clone().unwrap_or_else(|| own_binary.clone())),
            java: if args.no_java { None } else { Java::find() },
            java_heap: args.java_heap.clone(),
            own_binary,
            holder,
            port: args.port,
            started: Cell::new(0),
            quiet_patience: crate::args::seconds(args.wait_quiet)?,
            rounds: if args.quick { 1 } else { args.rounds.max(1) },
            length: crate::args::seconds(args.duration)? / if args.quick { 4 } else { 1 },
            warmup: Duration::from_secs(1) / if args.quick { 4 } else { 1 },
            java_small_heap: String::new(),
            nodes: 0,
            sessions: 0,
            small: if args.quick { 10 } else { 1 },
        })
    }

    /// Sets what only comparisons of single servers need.
    pub(super) fn with_sizes(mut self, args: &CompareArgs) -> Self {
        self.java_small_heap = args.java_small_heap.clone();
        self.nodes = self.scaled(args.nodes).max(1000);
        self.sessions = self.scaled(args.sessions);
        self
    }

    /// Waits until the machine does little else, if that was asked for, but not for ever.
    pub(super) fn await_quiet(&self) {
        let until = Instant::now() + self.quiet_patience;
        while Instant::now() < until {
            let Some((idle, all)) = proc::machine_ticks() else { return };
            std::thread::sleep(Duration::from_millis(400));
            let Some((idle_after, all_after)) = proc::machine_ticks() else { return };
            if (idle_after - idle) * 100 >= (all_after - all) * 92 {
                return;
            }
        }
    }

    /// Where everything is kept.
    pub(super) fn dir(&self) -> &Path {
        self.holder.path()
    }

    pub(super) fn java_description(&self) -> Option<String> {
        self.java.as_ref().map(Java::description)
    }

    /// The servers that take part.
    pub(super) fn sides(&self) -> Vec<Side> {
        let zabra = self.zabra.as_ref().map(|_| Side::Zabra);
        zabra.into_iter().chain(self.java.as_ref().map(|_| Side::Java)).collect()
    }

    /// A server's program; Java with the heap given, else the one for speed figures.
    pub(super) fn program(&self, side: Side, heap: Option<&str>) -> Result<Program, Error> {
        let missing = || Error::Usage("this server does not take part in the comparison".into());
        Ok(match side {
            Side::Zabra => Program::Zabra(self.zabra.clone().ok_or_else(missing)?),
            Side::Java => Program::Java {
                java: self.java.clone().ok_or_else(missing)?,
                heap: heap.map(str::to_owned).or_else(|| self.java_heap.clone()),
            },
        })
    }

    /// A directory and a port that nobody had before.
    pub(super) fn settings(&self, name: &str) -> Settings {
        let n = self.started.get();
        self.started.set(n + 1);
        let dir = self.dir().join(format!("{n}-{name}"));
        Settings { dir, port: self.port + n % 90, snap_count: None, member: None }
    }

    /// `count`, or in a quick run a tenth.
    pub(super) fn scaled(&self, count: u32) -> u32 {
        (count / self.small).max(1)
    }

    /// Starts a server on an empty directory.
    pub(super) fn start(&self, side: Side) -> Result<Process, Error> {
        Process::start(&self.program(side, None)?, &self.settings("empty"))
    }

    /// Starts the echo floor, answering reads with `size` bytes; or the one that first makes durable.
    pub(super) fn start_echo(&self, size: usize, durable: bool) -> Result<Process, Error> {
        let settings = self.settings("echo");
        let durable = durable.then(|| settings.data_dir());
        Process::start(&Program::Echo { binary: self.own_binary.clone(), size, durable }, &settings)
    }

    /// A port nobody listens on, above those of single servers.
    pub(super) fn free_port(&self) -> Result<u16, Error> {
        for _ in 0..300 {
            let n = self.started.get();
            self.started.set(n + 1);
            let port = self.port + 90 + n % 300;
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        Err(Error::Usage(format!("no port is free from {} on: choose others with --port", self.port + 90)))
    }

    /// Loads `process` through this many connections.
    pub(super) fn target(&self, process: &Process, connections: usize, pipeline: usize) -> Target {
        self.target_of([process].into_iter(), connections, pipeline)
    }

    /// Loads all of `processes` through this many connections.
    pub(super) fn target_of<'a>(
        &self,
        processes: impl Iterator<Item = &'a Process> + Clone,
        connections: usize,
        pipeline: usize,
    ) -> Target {
        Target {
            servers: processes.clone().map(Process::address).collect(),
            pids: processes.map(Process::pid).collect(),
            connections,
            pipeline,
            threads: default_threads(),
            session_timeout: Duration::from_secs(30),
        }
    }
}

/// Copies a directory tree of plain files.
pub(super) fn copy_dir(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(Error::file(to))?;
    for entry in fs::read_dir(from).map_err(Error::file(from))?.flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(Error::file(&target))?;
        }
    }
    Ok(())
}

/// Tells the person who waits what is going on.
pub(super) fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}
