//! Server processes started for a measurement: configured, timed to their first answer, stopped.

use crate::error::Error;
use crate::java::Java;
use crate::rawclient::RawClient;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Longest wait for a server's first answer.
const START_PATIENCE: Duration = Duration::from_secs(180);
/// Longest wait for a server to end when asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Debug, Clone)]
pub enum Program {
    /// The reference server.
    Java {
        /// Where it is.
        java: Java,
        /// Its heap as `-Xmx` takes it, or what the virtual machine chooses.
        heap: Option<String>,
    },
    /// This server: the path of its binary.
    Zabra(PathBuf),
    /// The echo floor of a `zabra` binary.
    Echo {
        /// The binary.
        binary: PathBuf,
        /// Bytes of data in a reply.
        size: usize,
        /// Where it makes requests durable before it answers, if it does.
        durable: Option<PathBuf>,
    },
}

/// How a server is configured; the same file for every kind of server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A directory of its own; data goes into `data` below it.
    pub dir: PathBuf,
    /// Client port on the loopback address.
    pub port: u16,
    /// Transactions between snapshots, or the server's default.
    pub snap_count: Option<u32>,
    /// Its place in an ensemble, if it has one.
    pub member: Option<Member>,
}

/// A server's place in an ensemble.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its number.
    pub id: u8,
    /// Quorum and election port of every member on the loopback address, from number 1 on.
    pub ports: Vec<(u16, u16)>,
}

impl Settings {
    fn file(&self) -> String {
        let mut text = format!(
            "tickTime=2000\ndataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
             admin.enableServer=false\n4lw.commands.whitelist=*\n",
            self.data_dir().display(),
            self.port
        );
        if let Some(count) = self.snap_count {
            text.push_str(&format!("snapCount={count}\n"));
        }
        if let Some(member) = &self.member {
            text.push_str("initLimit=10\nsyncLimit=5\n");
            for (id, (quorum, election)) in (1..).zip(&member.ports) {
                text.push_str(&format!("server.{id}=127.0.0.1:{quorum}:{election}\n"));
            }
        }
        text
    }

    /// Writes all that a server needs before its first start.
    fn write(&self) -> Result<PathBuf, Error> {
        let data = self.data_dir();
        fs::create_dir_all(&data).map_err(Error::file(&data))?;
        if let Some(member) = &self.member {
            let file = data.join("myid");
            fs::write(&file, format!("{}\n", member.id)).map_err(Error::file(&file))?;
        }
        let config = self.dir.join("zoo.cfg");
        fs::write(&config, self.file()).map_err(Error::file(&config))?;
        Ok(config)
    }

    /// Where the server keeps log and snapshots.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }
}

/// A running server; ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: &'static str,
    address: SocketAddr,
    log: PathBuf,
    first_answer: Duration,
}

impl Process {
    /// Starts `program` and waits for its first answer to a `getData` of a new session.
    ///
    /// # Errors
    /// It could not be started, ended, or gave no answer in three minutes.
    pub fn start(program: &Program, settings: &Settings) -> Result<Self, Error> {
        let begin = Instant::now();
        let mut process = Self::spawn(program, settings)?;
        process.first_answer = process.await_answer(begin)?;
        Ok(process)
    }

    /// Starts `program` and waits for nothing: a member of an ensemble answers only when others are there too.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(program: &Program, settings: &Settings) -> Result<Self, Error> {
        let config = settings.write()?;
        let log = settings.dir.join("server.log");
        let output = File::create(&log).map_err(Error::file(&log))?;
        let (name, mut command) = command(program, &config, settings.port);
        let errors = output.try_clone().map_err(Error::file(&log))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().map_err(|e| Error::Server {
            name: name.to_owned(),
            reason: format!("cannot be started: {e}"),
        })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, settings.port));
        Ok(Self { child, name, address, log, first_answer: Duration::ZERO })
    }

    /// Waits until the server answers; for members of an ensemble after [`spawn`](Self::spawn).
    ///
    /// # Errors
    /// It ended, or gave no answer in three minutes.
    pub fn await_first_answer(&mut self) -> Result<(), Error> {
        self.await_answer(Instant::now()).map(drop)
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Probes until the first answer. A server may take a connection before it is ready and then
    /// forget it, so from time to time another probe starts beside those that wait.
    fn await_answer(&mut self, begin: Instant) -> Result<Duration, Error> {
        let over = Arc::new(AtomicBool::new(false));
        let (answered, answers) = channel();
        loop {
            let (server, answered, ended) = (self.address, answered.clone(), Arc::clone(&over));
            std::thread::spawn(move || probe(server, &ended, &answered));
            let another = (begin.elapsed() / 20).max(Duration::from_millis(100));
            let answer = answers.recv_timeout(another);
            if let Ok(at) = answer {
                over.store(true, Ordering::Relaxed);
                return Ok(at - begin);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                over.store(true, Ordering::Relaxed);
                return Err(self.failed(format!("ended with {status} before it answered")));
            }
            if begin.elapsed() > START_PATIENCE {
                over.store(true, Ordering::Relaxed);
                return Err(self.failed("gave no answer in three minutes".into()));
            }
        }
    }

    fn failed(&self, reason: String) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.lines().count().saturating_sub(5);
        let tail = log.lines().skip(from).collect::<Vec<_>>().join("\n  ");
        Error::Server { name: self.name.to_owned(), reason: format!("{reason}\n  {tail}") }
    }

    /// Time from the start of the process to its first answer.
    pub fn first_answer(&self) -> Duration {
        self.first_answer
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its client address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the server to end and waits until it has.
    ///
    /// # Errors
    /// It did not end within a minute; it is killed then.
    pub fn stop(mut self) -> Result<(), Error> {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let deadline = Instant::now() + STOP_PATIENCE;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(self.failed("did not end when asked to".into()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Tries until an answer comes or all is over, and reports when it came. The loopback refuses at
/// once while nobody listens, so this polls every millisecond.
fn probe(server: SocketAddr, over: &AtomicBool, answered: &Sender<Instant>) {
    while !over.load(Ordering::Relaxed) {
        let answer =
            RawClient::connect(server, START_PATIENCE).and_then(|mut client| client.get_data("/zookeeper"));
        if answer.is_ok() {
            // Nobody listens when another probe was first.
            let _ = answered.send(Instant::now());
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn command(program: &Program, config: &Path, port: u16) -> (&'static str, Command) {
    match program {
        Program::Java { java, heap } => ("Java", java.command(config, heap.as_deref())),
        Program::Zabra(binary) => {
            let mut command = Command::new(binary);
            command.arg("serve").arg(config);
            ("Zabra", command)
        }
        Program::Echo { binary, size, durable } => {
            let mut command = Command::new(binary);
            command.args(["bench", "floor", "echo", "--listen"]).arg(format!("127.0.0.1:{port}"));
            command.arg("--size").arg(size.to_string());
            if let Some(dir) = durable {
                command.arg("--durable").arg(dir);
            }
            ("echo floor", command)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_snapshot_interval_is_the_servers_own_unless_asked_for() {
        let mut settings = Settings { dir: "/x".into(), port: 7, snap_count: None, member: None };
        assert!(!settings.file().contains("snapCount"));
        assert!(settings.file().contains("dataDir=/x/data\nclientPort=7\n"));
        settings.snap_count = Some(9);
        assert!(settings.file().ends_with("snapCount=9\n"));
    }
}
