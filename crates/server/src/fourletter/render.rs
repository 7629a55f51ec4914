//! From a word and a view to the text of the reply.

use super::view::{Connection, Expiring, Mode, View};
use super::{Member, Whitelist, Word, member};
use crate::java_text;
use proto::ids::SessionId;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// The reply to `word`: the refusal when it is not on the list, what the word shows otherwise. Words with an
/// [`super::Effect`] expect it to have happened already.
pub fn answer(word: Word, allowed: &Whitelist, view: &dyn View) -> String {
    if allowed.allows(word) { render(word, view) } else { Whitelist::refusal(word) }
}

/// The reply to `word` without asking whether it is allowed.
pub fn render(word: Word, view: &dyn View) -> String {
    let mut out = String::new();
    match word {
        Word::Ruok => out.push_str("imok"),
        Word::Gtmk | Word::Stmk => write(&mut out, format_args!("{}", view.trace_mask())),
        Word::Envi => environment(&mut out, view),
        _ => match view.mode() {
            Some(mode) => serving(word, mode, view, &mut out),
            None => out.push_str(&idle(word)),
        },
    }
    out
}

/// What a word that needs a serving server says without one.
fn idle(word: Word) -> String {
    match word {
        Word::Isro => "null".into(),
        Word::Hash => NOT_SERVING.into(),
        _ => format!("{NOT_SERVING}\n"),
    }
}

fn serving(word: Word, mode: Mode, view: &dyn View, out: &mut String) {
    match word {
        Word::Conf => settings(out, mode, view),
        Word::Cons => connections(out, view, connection_in_full),
        Word::Crst => out.push_str("Connection stats reset.\n"),
        Word::Dirs => {
            let sizes = view.directory_sizes();
            // The reference has the two names the wrong way round, and tools go by what it prints.
            write(out, format_args!("datadir_size: {}\nlogdir_size: {}\n", sizes.logs, sizes.snapshots));
        }
        Word::Dump => dump(out, mode, view),
        Word::Hash => {
            for entry in view.digests() {
                write(out, format_args!("{:x}: {}\n", entry.zxid.0, entry.digest as i64));
            }
        }
        Word::Isro => out.push_str(if mode == Mode::ReadOnly { "ro" } else { "rw" }),
        Word::Mntr => {
            write(out, format_args!("zk_version\t{}\nzk_server_state\t{}\n", view.version(), mode.name()));
            let member = view.member();
            if let Some(member) = &member {
                write(out, format_args!("zk_peer_state\t{}\n", member.state));
            }
            out.extend(view.metrics().iter().map(super::Metric::line));
            out.extend(member.iter().flat_map(Member::metrics).map(|metric| metric.line()));
        }
        Word::Srst => out.push_str("Server stats reset.\n"),
        Word::Srvr | Word::Stat => statistics(out, word, mode, view),
        Word::Wchc => watches_by_session(out, view),
        Word::Wchp => watches_by_path(out, view),
        Word::Wchs => {
            let counts = view.watch_counts();
            let (connections, paths, watches) = (counts.connections, counts.paths, counts.watches);
            write(out, format_args!("{connections} connections watching {paths} paths\n"));
            write(out, format_args!("Total watches:{watches}\n"));
        }
        Word::Ruok | Word::Gtmk | Word::Stmk | Word::Envi => {}
    }
}

fn environment(out: &mut String, view: &dyn View) {
    out.push_str("Environment:\n");
    for (name, value) in view.environment() {
        write(out, format_args!("{name}={}\n", one_line(&value)));
    }
}

fn settings(out: &mut String, mode: Mode, view: &dyn View) {
    let (config, sizes) = (view.config(), view.directory_sizes());
    let directory = |path: &Path| {
        let path = path.join("version-2");
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    };
    let backlog = config.client_port.as_ref().and_then(|own| own.backlog).map_or(-1, i64::from);
    let connections = config.limits.max_connections_per_address.unwrap_or(0);
    let port = config.client_port.as_ref().map_or(-1, |own| i32::from(own.port));
    write(out, format_args!("clientPort={port}\nsecureClientPort=-1\n"));
    write(out, format_args!("dataDir={}\ndataDirSize={}\n", directory(&config.data_dir), sizes.logs));
    write(
        out,
        format_args!("dataLogDir={}\ndataLogSize={}\n", directory(&config.data_log_dir), sizes.snapshots),
    );
    write(out, format_args!("tickTime={}\nmaxClientCnxns={connections}\n", config.tick_time.as_millis()));
    write(out, format_args!("minSessionTimeout={}\n", config.sessions.min_timeout.as_millis()));
    write(out, format_args!("maxSessionTimeout={}\n", config.sessions.max_timeout.as_millis()));
    let id = config.ensemble.as_ref().map_or(0, |ensemble| ensemble.me.0);
    write(out, format_args!("clientPortListenBacklog={backlog}\nserverId={id}\n"));
    if let Some(ensemble) = &config.ensemble {
        let committed = view.member().filter(|_| mode != Mode::ReadOnly).map(|member| member.membership);
        member::settings(out, ensemble, committed.as_deref());
    }
}

fn statistics(out: &mut String, word: Word, mode: Mode, view: &dyn View) {
    write(out, format_args!("Zookeeper version: {}\n", view.version()));
    if mode == Mode::ReadOnly {
        out.push_str("READ-ONLY mode; serving only read-only clients\n");
    }
    if word == Word::Stat {
        out.push_str("Clients:\n");
        connections(out, view, |out, _| out.push_str(")\n"));
    }
    let figures = view.summary();
    let latency = figures.latency_ms;
    let average = java_text::double(latency.average());
    write(out, format_args!("Latency min/avg/max: {}/{average}/{}\n", latency.min, latency.max));
    write(out, format_args!("Received: {}\nSent: {}\n", figures.received, figures.sent));
    write(out, format_args!("Connections: {}\nOutstanding: {}\n", figures.connections, figures.outstanding));
    write(out, format_args!("Zxid: {}\nMode: {}\n", figures.zxid, mode.name()));
    write(out, format_args!("Node count: {}\n", figures.node_count));
    if let Some(leading) = view.member().filter(|_| mode == Mode::Leader).and_then(|member| member.leading) {
        let [last, min, max] = leading.proposal_sizes();
        write(out, format_args!("Proposal sizes last/min/max: {last}/{min}/{max}\n"));
    }
}

/// One line a connection and a blank line at the end; `rest` writes what follows the counters.
fn connections(out: &mut String, view: &dyn View, rest: fn(&mut String, &Connection)) {
    for connection in view.connections() {
        let address = java_text::socket_address(connection.address);
        let Connection { interest_ops, queued, received, sent, .. } = connection;
        write(out, format_args!(" {address}[{interest_ops}](queued={queued},recved={received},sent={sent}"));
        rest(out, &connection);
    }
    out.push('\n');
}

fn connection_in_full(out: &mut String, connection: &Connection) {
    if let Some(session) = &connection.session {
        write(out, format_args!(",sid={},lop={}", session.id, session.last_operation));
        write(out, format_args!(",est={},to={}", session.established_ms, session.timeout_ms));
        if let Some(cxid) = session.last_cxid.filter(|cxid| *cxid >= 0) {
            write(out, format_args!(",lcxid={cxid:#x}"));
        }
        let latency = session.latency_ms;
        write(out, format_args!(",lzxid={},lresp={}", session.last_zxid, session.last_response_ms));
        write(out, format_args!(",llat={},minlat={}", session.last_latency_ms, latency.min));
        write(out, format_args!(",avglat={},maxlat={}", latency.whole_average(), latency.max));
    }
    out.push_str(")\n");
}

fn dump(out: &mut String, mode: Mode, view: &dyn View) {
    out.push_str("SessionTracker dump:\n");
    sessions(out, mode, view);
    out.push_str("ephemeral nodes dump:\n");
    let mut ephemerals = view.ephemerals();
    ephemerals.sort();
    write(out, format_args!("Sessions with Ephemerals ({}):\n", ephemerals.len()));
    for (session, paths) in ephemerals {
        write(out, format_args!("{session}:\n"));
        for path in BTreeSet::from_iter(paths) {
            write(out, format_args!("\t{}\n", one_line(&path)));
        }
    }
    out.push_str("Connections dump:\n");
    expiring(out, "Connections Sets", &view.connections_by_expiry(), |(address, session)| {
        format!("ip: {} sessionId: {session}", java_text::socket_address(*address))
    });
}

/// Sessions by the moment they expire, as far as this server decides it: local ones always, the others
/// unless there is a leader that does.
fn sessions(out: &mut String, mode: Mode, view: &dyn View) {
    let learns = matches!(mode, Mode::Follower | Mode::Observer);
    let local = view.local_sessions();
    let only = |wanted: bool| {
        let is_wanted = |id: &SessionId| local.as_ref().is_some_and(|local| local.contains(id)) == wanted;
        let mut sets = view.sessions_by_expiry();
        sets.iter_mut().for_each(|set| set.items.retain(is_wanted));
        sets.retain(|set| !set.items.is_empty());
        sets
    };
    if local.is_some() {
        expiring(out, "Local Session Sets", &only(true), SessionId::to_string);
    }
    if learns {
        let sessions = view.global_sessions();
        write(out, format_args!("Global Sessions({}):\n", sessions.len()));
        for (id, timeout_ms) in sessions {
            write(out, format_args!("{id}\t{timeout_ms}ms\n"));
        }
    } else {
        let title = if local.is_some() { "Global Session Sets" } else { "Session Sets" };
        expiring(out, title, &only(false), SessionId::to_string);
    }
}

fn expiring<T>(out: &mut String, title: &str, sets: &[Expiring<T>], show: impl Fn(&T) -> String) {
    let total: usize = sets.iter().map(|set| set.items.len()).sum();
    write(out, format_args!("{title} ({})/({total}):\n", sets.len()));
    for set in sets {
        write(out, format_args!("{} expire at {}:\n", set.items.len(), java_text::date(set.at_ms)));
        for item in &set.items {
            write(out, format_args!("\t{}\n", show(item)));
        }
    }
}

fn watches_by_session(out: &mut String, view: &dyn View) {
    let mut by_session: BTreeMap<SessionId, BTreeSet<String>> = BTreeMap::new();
    for (path, sessions) in view.watches() {
        for session in sessions {
            by_session.entry(session).or_default().insert(path.clone());
        }
    }
    for (session, paths) in by_session {
        write(out, format_args!("{session}\n"));
        for path in paths {
            write(out, format_args!("\t{}\n", one_line(&path)));
        }
    }
    out.push('\n');
}

fn watches_by_path(out: &mut String, view: &dyn View) {
    for (path, sessions) in BTreeMap::from_iter(view.watches()) {
        write(out, format_args!("{}\n", one_line(&path)));
        for session in BTreeSet::from_iter(sessions) {
            write(out, format_args!("\t{session}\n"));
        }
    }
    out.push('\n');
}

/// Text from outside without characters that would forge a line. A path the server accepted has none; a
/// watched path need not exist.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) { text.escape_debug().to_string().into() } else { text.into() }
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all text");
}
