//! Starts, stops and kills one real server process, Zabra or Java, on a free loopback port.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for a started server to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for the answer of a server that may not be there yet, or stopped in its tracks.
const IMPATIENCE: Duration = Duration::from_millis(300);
/// Longest wait for a server to end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The user `super` with password `secret`, whom every server started here lets do everything.
pub const SUPER_AUTH: &str = "super:secret";
const SUPER_DIGEST: &str = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/// Which server program to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The server under test.
    Zabra,
    /// Debian's ZooKeeper 3.8.
    Java38,
    /// ZooKeeper 3.9, installed by `interop/peers.sh`.
    Java39,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "zabra" => Ok(Self::Zabra),
            "java38" => Ok(Self::Java38),
            "java39" => Ok(Self::Java39),
            _ => Err(format!("unknown server {name:?}: use zabra, java38 or java39")),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Zabra => "zabra",
            Self::Java38 => "java38",
            Self::Java39 => "java39",
        })
    }
}

impl Kind {
    /// Whether this machine can run it; Zabra always can, because it is built on demand.
    pub fn is_installed(self) -> bool {
        match self {
            Self::Zabra => true,
            Self::Java38 => Path::new("/usr/share/java/zookeeper.jar").exists(),
            Self::Java39 => fs::read_dir(peers_dir().join("zookeeper-3.9")).is_ok_and(|entries| {
                entries.flatten().any(|e| e.file_name().to_string_lossy().starts_with("zookeeper-3.9"))
            }),
        }
    }

    fn command(self, config: &Path) -> Command {
        if self == Self::Zabra {
            let mut command = Command::new(zabra_binary());
            command.arg("serve").arg(config);
            return command;
        }
        let mut command = Command::new("java");
        // A small heap and the quick compiler: two of these share two cores with the server under test.
        command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
        match self {
            Self::Java38 => {
                command.arg("/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar");
                command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
            }
            _ => {
                command.arg(peers_dir().join("zookeeper-3.9/*"));
                command.arg("-Dorg.apache.logging.log4j.level=WARN");
            }
        }
        command
    }
}

/// Where `interop/peers.sh` puts what is not a Debian package.
pub fn peers_dir() -> PathBuf {
    std::env::var_os("ZABRA_PEERS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/zabra-peers"),
        PathBuf::from,
    )
}

/// The server binary: `$ZABRA_BIN`, or built once by cargo in the profile this harness itself was built in.
pub fn zabra_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("ZABRA_BIN") {
            return PathBuf::from(path);
        }
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "-p", "zabra"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo can be run");
        assert!(status.success(), "building the zabra binary failed");
        let own = std::env::current_exe().expect("a running program has a path");
        own.ancestors()
            .skip(1)
            .take(2)
            .map(|dir| dir.join("zabra"))
            .find(|path| path.is_file())
            .expect("cargo puts binaries of one profile in one directory")
    })
}

/// A server process and the files it lives in. Dropping it kills the process and keeps the files.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    dir: PathBuf,
    settings: Vec<(String, String)>,
    /// Program and arguments put before the server's own command; it has to exec that.
    wrapper: Vec<String>,
    addr: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts `kind` with its data in `dir`/data and waits until it serves.
    ///
    /// `settings` are lines of its configuration file; later ones override the harness's own.
    ///
    /// # Errors
    /// The process could not be started, ended early, or did not answer in time; the message holds its log.
    pub fn start(kind: Kind, dir: &Path, settings: &[(&str, &str)]) -> io::Result<Self> {
        Self::start_limited(kind, dir, settings, None)
    }

    /// As [`start`](Self::start), with at most `descriptors` files open in the process.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_limited(
        kind: Kind,
        dir: &Path,
        settings: &[(&str, &str)],
        descriptors: Option<u32>,
    ) -> io::Result<Self> {
        let settings = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let addr = (Ipv4Addr::LOCALHOST, free_port()).into();
        let mut server = Self::prepare(kind, dir, addr, settings);
        if let Some(limit) = descriptors {
            server.run_by(vec!["prlimit".to_owned(), format!("--nofile={limit}:{limit}")]);
        }
        server.launch()?;
        Ok(server)
    }

    /// A server of clients at `addr` that is not started yet.
    pub fn prepare(kind: Kind, dir: &Path, addr: SocketAddr, settings: Vec<(String, String)>) -> Self {
        Self { kind, dir: dir.to_owned(), settings, wrapper: Vec::new(), addr, child: None }
    }

    /// Has the process started by `wrapper`, a program and its first arguments that execs what follows them.
    pub fn run_by(&mut self, wrapper: Vec<String>) {
        self.wrapper = wrapper;
    }

    /// Makes the next start one of another kind of server.
    pub fn become_kind(&mut self, kind: Kind) {
        self.kind = kind;
    }

    /// Gives the next start a line of configuration more, which overrides earlier ones of the same key.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.retain(|(other, _)| other != key);
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Starts the process again on the same port and directory, after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn launch(&mut self) -> io::Result<()> {
        self.spawn()?;
        self.wait_until_serving()
    }

    /// Starts the process as another kind of server on the same directory.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn launch_as(&mut self, kind: Kind) -> io::Result<()> {
        self.become_kind(kind);
        self.launch()
    }

    /// Starts the process and does not wait for it to serve.
    ///
    /// # Errors
    /// The process could not be started or its files not written.
    pub fn spawn(&mut self) -> io::Result<()> {
        assert!(self.child.is_none(), "one process at a time");
        fs::create_dir_all(self.dir.join("data"))?;
        let config = self.dir.join("zoo.cfg");
        fs::write(&config, self.config_text())?;
        let log = fs::File::options().create(true).append(true).open(self.log_path())?;
        let mut command = self.kind.command(&config);
        if self.kind != Kind::Zabra {
            for (key, value) in self.settings.iter().filter(|(key, _)| jvm_only(key)) {
                command.arg(format!("-D{key}={value}"));
            }
            command.arg("org.apache.zookeeper.server.quorum.QuorumPeerMain").arg(&config);
        }
        if let Some((program, arguments)) = self.wrapper.split_first() {
            let mut wrapped = Command::new(program);
            wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
            command = wrapped;
        }
        command.current_dir(&self.dir).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.child = Some(command.spawn()?);
        Ok(())
    }

    fn config_text(&self) -> String {
        let defaults = [
            ("dataDir", self.dir.join("data").display().to_string()),
            ("clientPort", self.addr.port().to_string()),
            ("clientPortAddress", self.addr.ip().to_string()),
            ("4lw.commands.whitelist", "*".to_owned()),
            ("DigestAuthenticationProvider.superDigest", SUPER_DIGEST.to_owned()),
            ("preAllocSize", "1024".to_owned()),
            ("tickTime", "2000".to_owned()),
            ("admin.enableServer", "false".to_owned()),
        ];
        let mut text = String::new();
        for (key, value) in defaults {
            let is_set = self.settings.iter().any(|(other, _)| other == key);
            if !is_set && (key != "admin.enableServer" || self.kind != Kind::Zabra) {
                text.push_str(&format!("{key}={value}\n"));
            }
        }
        for (key, value) in &self.settings {
            if self.kind == Kind::Zabra || !jvm_only(key) {
                text.push_str(&format!("{key}={value}\n"));
            }
        }
        text
    }

    fn wait_until_serving(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.mode().is_none() {
            self.check_running()?;
            if Instant::now() > deadline {
                return Err(self.failure("did not serve in time"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// As [`mode`] of its address.
    pub fn mode(&self) -> Option<String> {
        mode(self.addr)
    }

    /// The last transaction the server has applied; `None` while it does not serve.
    pub fn zxid(&self) -> Option<i64> {
        i64::from_str_radix(srvr(self.addr, "Zxid: 0x")?.as_str(), 16).ok()
    }

    /// Finds out whether the process ended by itself.
    ///
    /// # Errors
    /// It did, or was never started; the message holds the end of its log.
    pub fn check_running(&mut self) -> io::Result<()> {
        let ended = match self.child.as_mut() {
            None => "does not run".to_owned(),
            Some(child) => match child.try_wait()? {
                None => return Ok(()),
                Some(status) => format!("ended with {status}"),
            },
        };
        self.child = None;
        Err(self.failure(&ended))
    }

    /// An error that names the server and shows the end of its log.
    pub fn failure(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let tail = log.lines().rev().take(40).collect::<Vec<_>>();
        let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        io::Error::other(format!("{} in {} {what}; end of its log:\n{tail}", self.kind, self.dir.display()))
    }

    /// Which program runs.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of the host it runs on.
    pub fn host(&self) -> IpAddr {
        self.addr.ip()
    }

    /// The directory holding `data`, the configuration and the log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the process wrote to its standard output and error.
    pub fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends the process at once with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the process to end with SIGTERM and waits for it.
    ///
    /// # Errors
    /// It could not be signalled or was still there after twenty seconds (it is then killed).
    pub fn stop(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        signal(&child, "TERM")?;
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill()?;
        child.wait()?;
        Err(self.failure("ignored SIGTERM"))
    }

    /// Takes the processor away from the process until [`resume`](Self::resume).
    ///
    /// # Errors
    /// It could not be signalled.
    pub fn pause(&self) -> io::Result<()> {
        self.child.as_ref().map_or(Ok(()), |child| signal(child, "STOP"))
    }

    /// Lets the process go on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// It could not be signalled.
    pub fn resume(&self) -> io::Result<()> {
        self.child.as_ref().map_or(Ok(()), |child| signal(child, "CONT"))
    }

    /// The number of file descriptors the process holds.
    pub fn open_descriptors(&self) -> usize {
        let pid = self.pid().expect("the server runs");
        fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
    }

    /// Resident memory of the process in KiB.
    pub fn resident_kib(&self) -> u64 {
        let pid = self.pid().expect("the server runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(child: &Child, name: &str) -> io::Result<()> {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("SIG{name} could not be sent"))) }
}

/// Properties Java reads only from its command line.
fn jvm_only(key: &str) -> bool {
    key.starts_with("znode.container.") || key == "jute.maxbuffer" || key == "readonlymode.enabled"
}

/// What the server at `addr` calls itself (`standalone`, `leader`, `follower`, `observer`); `None` while it does not
/// serve.
pub fn mode(addr: SocketAddr) -> Option<String> {
    srvr(addr, "Mode: ")
}

fn srvr(addr: SocketAddr, prefix: &str) -> Option<String> {
    let answer = ask(addr, "srvr", IMPATIENCE).ok()?;
    answer.lines().find_map(|line| line.strip_prefix(prefix)).map(str::to_owned)
}

/// Sends a four-letter word on a connection of its own and returns the whole answer.
///
/// # Errors
/// No connection, or no end of the answer within five seconds.
pub fn four_letter_word(addr: SocketAddr, word: &str) -> io::Result<String> {
    ask(addr, word, Duration::from_secs(5))
}

/// Java may leave a connection that came while it was starting unanswered, so start-up asks impatiently.
fn ask(addr: SocketAddr, word: &str, patience: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(word.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A port nobody listens on, below the range the kernel hands out to outgoing connections.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 180;
    for _ in 0..1000 {
        let port = 21_200 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 200;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 21200 and 21399");
}
