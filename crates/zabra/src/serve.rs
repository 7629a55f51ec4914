//! `zabra serve`: configuration in, a running server, signals out.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tracing::Level;
use tracing_subscriber::fmt::time::SystemTime;
use zabra_server::config::{self, Config, EXIT_CONFIG, EXIT_DATA_DIR, Sources, Warning};
use zabra_server::{Server, StartError};

/// Where data goes when nothing says otherwise, under the working directory.
/// Exit code for a port that other members cannot be heard on, as the reference's.
const EXIT_PEER_PORT: i32 = 14;
const DEFAULT_DATA_DIR: &str = "zabra-data";

/// Arguments of `zabra serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// ZooKeeper's zoo.cfg; or, as ZooKeeper takes it: `PORT DATADIR [TICKTIME [MAXCLIENTCNXNS]]`.
    /// Without it a standalone server starts on 127.0.0.1:2181.
    #[arg(value_name = "CONFIG | PORT DATADIR ...", num_args = 0..=4)]
    config: Vec<String>,
    /// Data directory; `zabra-data` in the working directory when there is no configuration.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Client port; 0 lets the system choose a free one.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Address to listen on; `0.0.0.0` for all.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Sets a key as a JVM flag would: -Dzookeeper.snapCount=1000.
    #[arg(short = 'D', value_name = "KEY=VALUE", allow_hyphen_values = true)]
    define: Vec<String>,
    /// Least severe level that is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: Level,
    /// Log as JSON, one object a line.
    #[arg(long)]
    log_json: bool,
    /// Explain every configuration key, then exit.
    #[arg(long)]
    help_config: bool,
}

/// Runs a server until a signal or a failure ends it.
pub(crate) fn run(args: Args) -> ExitCode {
    if args.help_config {
        // Whoever closes the pipe has read enough.
        let _ = writeln!(std::io::stdout(), "{}", config::help());
        return ExitCode::SUCCESS;
    }
    start_logging(&args);
    if let Some(mistake) = mistake(&args) {
        tell(mistake);
        return exit(EXIT_CONFIG);
    }
    let (config, warnings) = match load(&args) {
        Ok(loaded) => loaded,
        Err(error) => {
            tell(format_args!("{error}\nInvalid config, exiting abnormally"));
            return exit(EXIT_CONFIG);
        }
    };
    for warning in warnings {
        match warning.is_notice() {
            true => tracing::info!("{warning}"),
            false => tracing::warn!("{warning}"),
        }
    }
    match Server::start(config) {
        Ok(server) => serve(server, &args),
        Err(error) => {
            tell(&error);
            match &error {
                StartError::Storage(_) => {
                    tell("Unable to access datadir, exiting abnormally");
                    exit(EXIT_DATA_DIR)
                }
                StartError::Bind { error, .. } => {
                    tell(way_out(error.kind()));
                    exit(1)
                }
                StartError::BindPeers { .. } => {
                    tell("The address is from this server's own line, server.N, with N as in the file myid");
                    exit(EXIT_PEER_PORT)
                }
                StartError::System(_) => exit(1),
            }
        }
    }
}

/// Writes to standard error. A server must not end because nobody reads its messages any more, which is
/// what `eprintln!` would make of it.
fn tell(text: impl Display) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What an argument that parses can still have wrong.
fn mistake(args: &Args) -> Option<String> {
    if let Some(define) = args.define.iter().find(|define| !define.contains('=')) {
        return Some(format!("-D{define}: expected KEY=VALUE, as in -Dzookeeper.snapCount=1000"));
    }
    match args.config.as_slice() {
        [port] if port.parse::<u16>().is_ok() && !Path::new(port).exists() => Some(format!(
            "{port} is neither a configuration file nor enough: give `--port {port}`, or `{port} DATADIR`"
        )),
        _ => None,
    }
}

/// What to do when the client port cannot be had.
fn way_out(why: ErrorKind) -> &'static str {
    match why {
        ErrorKind::AddrInUse => {
            "Stop the program that has the port, or choose another: --port, or clientPort"
        }
        ErrorKind::AddrNotAvailable => "Choose an address of this machine: --host, or clientPortAddress",
        ErrorKind::PermissionDenied => {
            "Ports below 1024 need privileges; choose another: --port, or clientPort"
        }
        _ => "Address and port come from --host and --port, or clientPortAddress and clientPort",
    }
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

fn start_logging(args: &Args) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(args.log_level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_timer(SystemTime)
        .with_target(false)
        // It would report a log nobody reads by writing to that log, and panic.
        .log_internal_errors(false);
    match args.log_json {
        true => builder.json().flatten_event(true).init(),
        false => builder.init(),
    }
}

fn load(args: &Args) -> Result<(Config, Vec<Warning>), config::ConfigError> {
    let words: Vec<&str> = args.config.iter().map(String::as_str).collect();
    let mut sources = match words.as_slice() {
        [] => Sources::standalone(absolute(Path::new(DEFAULT_DATA_DIR))),
        [file] => {
            let mut sources = Sources::new();
            sources.file(&PathBuf::from(file))?;
            sources
        }
        [port, data_dir, rest @ ..] => {
            Sources::positional(port, PathBuf::from(data_dir), rest.first().copied(), rest.get(1).copied())
        }
    };
    sources.environment(std::env::vars_os());
    for define in &args.define {
        sources.flag(define);
    }
    if let Some(data_dir) = &args.data_dir {
        sources.data_dir(absolute(data_dir));
    }
    if let Some(port) = args.port.filter(|port| *port != 0) {
        sources.argument("clientPort", &port.to_string());
    }
    if let Some(host) = &args.host {
        sources.argument("clientPortAddress", host);
    }
    let (mut config, warnings) = sources.load()?;
    if args.port == Some(0)
        && let Some(client) = &mut config.client_port
    {
        client.port = 0;
    }
    Ok((config, warnings))
}

/// The path from the root, so that messages say where it is wherever they are read.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn serve(server: Server, args: &Args) -> ExitCode {
    announce(&server, args);
    let stop = server.stopper();
    let mut signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!(%error, "signals cannot be caught; only kill -9 ends this server");
            return finish(server);
        }
    };
    let handle = signals.handle();
    let catcher = std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            tracing::info!(signal = signal_name(signal).unwrap_or("unknown"), "stopping");
            stop();
        }
    });
    let code = finish(server);
    handle.close();
    // A catcher that panicked has nothing left to do either.
    let _ = catcher.join();
    code
}

fn finish(server: Server) -> ExitCode {
    match server.wait() {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(stopped) => {
            tracing::error!(reason = %stopped, "stopped to protect the data; restart after mending the cause");
            exit(1)
        }
    }
}

fn announce(server: &Server, args: &Args) {
    let config = server.config();
    let address = server.address();
    let data_dir = absolute(&config.data_dir);
    tracing::info!(
        version = %zabra_server::version(),
        %address,
        data_dir = %data_dir.display(),
        log_dir = %absolute(&config.data_log_dir).display(),
        tick_ms = config.tick_time.as_millis() as u64,
        snap_count = config.storage.snap_count,
        fsync = config.storage.force_sync,
        "serving"
    );
    if args.log_json {
        // Whoever reads JSON reads nothing else, and has it all in the line above.
        return;
    }
    let port = address.port();
    if port == 0 {
        return tell(format_args!("Zabra serves no clients, keeps its data in {}.", data_dir.display()));
    }
    let (on, host) = match address.ip().is_unspecified() {
        true => (format!("port {port} of every address"), format!("localhost:{port}")),
        false => (address.to_string(), address.to_string()),
    };
    tell(format_args!("Zabra listens on {on}, keeps its data in {}.", data_dir.display()));
    tell(format_args!("Connect with: zkCli.sh -server {host}"));
}
