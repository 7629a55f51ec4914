//! The arguments of `zabra bench`.

use crate::drive::Target;
use crate::error::Error;
use crate::workload::{Kind, Load};
use clap::Subcommand;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Load a ZooKeeper server and measure it, or measure what no server can beat.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the data of random nodes
    Get(LoadArgs),
    /// Set the data of random nodes
    Set(LoadArgs),
    /// Ask for the metadata of random nodes
    Exists(LoadArgs),
    /// List the children of one node that has as many as --keys
    Children(LoadArgs),
    /// Create ever new nodes
    Create(LoadArgs),
    /// Delete as many nodes as --keys, each once
    Delete(LoadArgs),
    /// Create and delete nodes in turn
    Churn(LoadArgs),
    /// Read and set the data of random nodes
    Mixed {
        /// How many of a hundred requests are reads
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(0..=100))]
        read_percent: u32,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// Change one node that all other connections watch, and time the events
    Watch {
        /// Leave one persistent watch instead of renewing a one-shot watch after each event (3.6 and later)
        #[arg(long)]
        persistent: bool,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// Create many nodes and leave them there
    Fill(FillArgs),
    /// Open sessions and only keep them alive
    Idle {
        /// How long, seconds
        #[arg(long, default_value_t = 10.0)]
        duration: f64,
        #[command(flatten)]
        target: TargetArgs,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Measure what no server on this machine can beat
    Floor {
        #[command(subcommand)]
        floor: FloorCommand,
    },
    /// Run this server, the reference server and the floors side by side
    Compare(CompareArgs),
    /// Run three of this server and three of the reference server side by side
    CompareEnsemble(CompareEnsembleArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// The server's client address; of an ensemble several, separated by commas
    #[arg(long, default_value = "127.0.0.1:2181", value_delimiter = ',')]
    pub(crate) server: Vec<String>,
    /// Process of the server, when it runs on this machine: adds its CPU time and memory to the report
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) server_pid: Vec<u32>,
    /// Sessions, one connection each
    #[arg(short, long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: u32,
    /// Requests kept outstanding on each connection
    #[arg(short, long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) pipeline: u32,
    /// One connection, one outstanding request: what a single patient client sees
    #[arg(long, conflicts_with_all = ["connections", "pipeline"])]
    pub(crate) latency: bool,
    /// Generator threads; half of the cores unless given
    #[arg(long)]
    pub(crate) threads: Option<usize>,
    /// Session timeout to ask for, milliseconds
    #[arg(long, default_value_t = 30_000, value_parser = clap::value_parser!(u32).range(1..=86_400_000))]
    pub(crate) session_timeout: u32,
}

impl TargetArgs {
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let (connections, pipeline) = if self.latency { (1, 1) } else { (self.connections, self.pipeline) };
        Ok(Target {
            servers: self.server.iter().map(|server| resolve(server)).collect::<Result<_, _>>()?,
            pids: self.server_pid.clone(),
            connections: connections as usize,
            pipeline: pipeline as usize,
            threads: self.threads.unwrap_or_else(default_threads),
            session_timeout: Duration::from_millis(u64::from(self.session_timeout)),
        })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Bytes of data in a node
    #[arg(short, long, default_value_t = 1024)]
    pub(crate) size: usize,
    /// Nodes the requests are about
    #[arg(short, long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) keys: u32,
    /// Measured time, seconds
    #[arg(short, long, default_value_t = 10.0)]
    pub(crate) duration: f64,
    /// Time before the measured stretch, seconds
    #[arg(long, default_value_t = 2.0)]
    pub(crate) warmup: f64,
    /// The node under which everything happens
    #[arg(long, default_value = "/zabra-bench")]
    pub(crate) root: String,
    /// Leave the nodes there at the end
    #[arg(long)]
    pub(crate) keep: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl LoadArgs {
    pub(crate) fn load(&self, kind: Kind) -> Result<Load, Error> {
        Ok(Load {
            kind,
            root: checked_root(&self.root)?,
            keys: self.keys,
            size: self.size,
            warmup: seconds(self.warmup)?,
            length: seconds(self.duration)?,
        })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct FillArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// How many nodes
    #[arg(short = 'n', long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=90_000_000))]
    pub(crate) count: u32,
    /// Depth of the tree: 1 puts all nodes directly under the root
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=4))]
    pub(crate) levels: u32,
    /// Children of a directory
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) width: u32,
    /// Bytes of data in a node
    #[arg(short, long, default_value_t = 100)]
    pub(crate) size: usize,
    /// The node under which they are made
    #[arg(long, default_value = "/zabra-bench-fill")]
    pub(crate) root: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FloorCommand {
    /// Serve ready-made replies to any request: the limit of sockets and frames
    Echo {
        /// Where to listen
        #[arg(long, default_value = "127.0.0.1:2182")]
        listen: SocketAddr,
        /// Threads; what the server takes by default unless given
        #[arg(long)]
        threads: Option<usize>,
        /// Make every request durable in a file in this directory before answering it; takes one thread
        #[arg(long, value_name = "DIR", conflicts_with = "threads")]
        durable: Option<PathBuf>,
        /// Bytes of data in a getData reply
        #[arg(short, long, default_value_t = 1024)]
        size: usize,
    },
    /// Append records to a preallocated file and make each batch durable: the limit of the disk
    Fsync {
        /// Where the file is written; removed afterwards
        #[arg(long, default_value = "target/bench-data")]
        dir: PathBuf,
        /// Bytes of data in a record
        #[arg(short, long, default_value_t = 1024)]
        size: usize,
        /// Records per batch; may be given several times
        #[arg(short, long, default_values_t = [1, 8, 64, 512])]
        batch: Vec<u32>,
        /// Time per batch size, seconds
        #[arg(short, long, default_value_t = 3.0)]
        duration: f64,
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// What all comparisons take.
#[derive(Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// Short runs, one tenth of the nodes: to see that everything works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds of every throughput figure; the median counts
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Measured time per round, seconds
    #[arg(short, long, default_value_t = 4.0)]
    pub(crate) duration: f64,
    /// Before each measurement wait at most so many seconds until the machine does nothing else
    #[arg(long, default_value_t = 0.0)]
    pub(crate) wait_quiet: f64,
    /// The server binary to compare; this one unless given
    #[arg(long)]
    pub(crate) zabra: Option<PathBuf>,
    /// Heap of the reference server for the speed figures, as java's -Xmx takes it; its own default unless given
    #[arg(long)]
    pub(crate) java_heap: Option<String>,
    /// Leave the reference server out
    #[arg(long)]
    pub(crate) no_java: bool,
    /// Leave this server out (to try the others)
    #[arg(long)]
    pub(crate) no_zabra: bool,
    /// Where the servers keep their data; must be on the disk to be measured
    #[arg(long, default_value = "target/bench-data")]
    pub(crate) dir: PathBuf,
    /// First of the loopback ports used
    #[arg(long, default_value_t = 21_600)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// `zabra bench compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareArgs {
    /// Only these groups of figures
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<Group>,
    /// Nodes for the memory, start and snapshot figures
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) nodes: u32,
    /// Idle sessions
    #[arg(long, default_value_t = 10_000)]
    pub(crate) sessions: u32,
    /// A small heap to try for the reference server's memory figure
    #[arg(long, default_value = "512m")]
    pub(crate) java_small_heap: String,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// `zabra bench compare-ensemble`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompareEnsembleArgs {
    /// Only these groups of figures
    #[arg(long, value_delimiter = ',', value_enum)]
    pub(crate) only: Vec<EnsembleGroup>,
    /// How often the leader is killed
    #[arg(long, default_value_t = 20)]
    pub(crate) kills: usize,
    /// How many transactions a follower has to catch up with
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) behind: u32,
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// A group of figures about ensembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EnsembleGroup {
    /// Memory of servers with nothing to do
    Idle,
    /// Durable writes, pipelined, and reads with writes among them
    Load,
    /// The gap a killed leader leaves
    Failover,
    /// The time a follower needs that is behind
    CatchUp,
}

/// A group of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// Pipelined reads, many clients, CPU per read
    Reads,
    /// Durable writes, pipelined and alone
    Writes,
    /// Memory with many nodes
    Memory,
    /// Time to the first answer
    Start,
    /// Latency of writes while a snapshot is taken
    Snapshot,
    /// Idle server, idle sessions
    Idle,
}

/// Half of the cores: the other half is the server's.
pub(crate) fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get() / 2).max(1)
}

pub(crate) fn seconds(number: f64) -> Result<Duration, Error> {
    Duration::try_from_secs_f64(number).map_err(|_| Error::Usage(format!("{number} is no number of seconds")))
}

fn checked_root(root: &str) -> Result<String, Error> {
    let root = root.trim_end_matches('/');
    if root.contains("00") {
        return Err(Error::Usage(format!("--root {root}: two zeros in a row stand for a number here")));
    }
    if !root.is_empty() {
        proto::path::validate(root).map_err(|e| Error::Usage(format!("--root {root}: {e}")))?;
    }
    Ok(root.to_owned())
}

fn resolve(server: &str) -> Result<SocketAddr, Error> {
    let failed = |reason: String| Error::Connection { server: server.to_owned(), reason };
    let mut addresses = server.to_socket_addrs().map_err(|e| failed(format!("no such address: {e}")))?;
    addresses.next().ok_or_else(|| failed("the name has no address".into()))
}

impl FillArgs {
    pub(crate) fn root(&self) -> Result<String, Error> {
        checked_root(&self.root)
    }
}
