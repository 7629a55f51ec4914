//! The log thread on a simulated disk, driven by hand.

use super::run;
use crate::config::{Config, Ensemble, NoDelay};
use crate::driver::clock::Clock;
use crate::driver::event_loop::WAKER;
use crate::driver::log_queue::LogOp;
use crate::driver::mailbox::Mailbox;
use crate::driver::recovery;
use crate::driver::server::log_options;
use crate::driver::shared::{Parts, Shared};
use crate::driver::snapshots;
use mio::{Poll, Waker};
use node::{EnsembleSettings, Input, Node, Role, Settings, Store};
use proto::acl::Acl;
use proto::txn::{CreateTxn, Txn, TxnHeader, encode_entry};
use proto::{OpCode, SessionId, Zxid};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use storage::disk::fault::SimDisk;
use storage::{DataDirs, SharedDisk, TxnLog, load_epochs};
use tree::Tree;
use zab::{MemberRole, Record, ServerId};

const CONFIG: &str = "/etc/zk/zoo.cfg";

fn config() -> Config {
    let mut config = Config::standalone_default(PathBuf::from("/data"));
    config.storage.preallocate_bytes = 4096;
    config
}

/// What a server shares, on a new disk or after a restart, and the log to run on it.
fn server(sim: &SimDisk, config: Config) -> (Shared, TxnLog) {
    let disk: SharedDisk = Arc::new(sim.clone());
    let dirs = DataDirs::prepare(&disk, &config.data_dir, None, true).unwrap();
    let (tree, recovered) = recovery::load(&disk, &dirs, &config).unwrap();
    let log = TxnLog::open(disk.clone(), dirs.log_dir(), log_options(&config)).unwrap();
    let poll = Poll::new().unwrap();
    let mailboxes = vec![Mailbox::new(Waker::new(poll.registry(), WAKER).unwrap())];
    let clock = Clock::start();
    let store = Arc::new(Store::new(tree));
    let settings = Settings {
        server_id: 1,
        tick_time_ms: 2000,
        min_session_timeout_ms: 4000,
        max_session_timeout_ms: 40_000,
        container_check_interval_ms: 0,
        container_max_per_minute: 0,
        container_max_never_used_ms: 0,
    };
    let node = Node::standalone(settings, Arc::clone(&store), clock.now());
    let address = ([127, 0, 0, 1], 0).into();
    let parts = Parts { config, clock, store, node, mailboxes, peers: None, disk, dirs, address };
    let shared = Shared::new(parts);
    if recovered.needs_snapshot {
        snapshots::take(&shared).unwrap();
    }
    (shared, log)
}

/// The entry that creates `/n<name>`.
fn append(zxid: i64, name: i64) -> LogOp {
    let txn = CreateTxn {
        path: format!("/n{name}"),
        data: None,
        acl: vec![Acl::open()],
        ephemeral: false,
        parent_cversion: zxid as i32,
    };
    let txn = Txn::Create(OpCode::Create, txn);
    let header = TxnHeader { client_id: SessionId(1), cxid: 0, zxid: Zxid(zxid), time: 0, kind: txn.kind() };
    let mut entry = Vec::new();
    encode_entry(&header, &txn, None, &mut entry);
    LogOp::Append(Zxid(zxid), entry.into())
}

/// Performs all of `ops` and ends; what the node would have been told.
fn perform(shared: &Shared, log: TxnLog, mut ops: Vec<LogOp>) -> Vec<Input> {
    shared.log.push(&mut ops, 0);
    shared.log.close();
    run(shared, log);
    let mut told = Vec::new();
    shared.log.tell(|input| told.push(input));
    told
}

/// The names of the nodes in a tree, `/n1` as 1.
fn nodes(tree: &Tree) -> Vec<i64> {
    let mut bytes = Vec::new();
    let mut cursor = tree.snapshot_begin();
    while !tree.snapshot_step(&mut cursor, usize::MAX, &mut bytes) {}
    let has = |n: &i64| {
        let path = format!("/n{n}");
        let mut wanted = (path.len() as i32).to_be_bytes().to_vec();
        wanted.extend_from_slice(path.as_bytes());
        bytes.windows(wanted.len()).any(|window| window == wanted)
    };
    (0..100).filter(has).collect()
}

/// What a restart finds.
fn restart(sim: &SimDisk) -> (Vec<i64>, Zxid) {
    sim.power_loss(0);
    let (shared, _) = server(sim, config());
    let view = shared.store.view();
    (nodes(&view.tree), view.tree.last_zxid())
}

#[test]
fn hc_45_entries_around_a_truncation_are_performed_in_order_and_survive_a_power_loss() {
    let sim = SimDisk::new();
    let (shared, log) = server(&sim, config());
    let truncate = LogOp::Truncate { to: Zxid(2), reload: true };
    let told = perform(
        &shared,
        log,
        vec![append(1, 1), append(2, 2), append(3, 3), truncate, append(3, 30), append(4, 4)],
    );
    let [Input::Truncated(Some(tree)), Input::Stored(6)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((nodes(tree), tree.last_zxid()), (vec![1, 2], Zxid(2)));
    drop(shared);
    assert_eq!(restart(&sim), (vec![1, 2, 4, 30], Zxid(4)));
}

#[test]
fn hc_46_a_truncation_to_what_is_not_there_stops_the_server() {
    let sim = SimDisk::new();
    let (shared, log) = server(&sim, config());
    let truncate = LogOp::Truncate { to: Zxid(9), reload: true };
    let told = perform(&shared, log, vec![append(1, 1), truncate, append(2, 2)]);
    assert!(matches!(told[..], [Input::Stored(1)]), "{told:?}");
    let reason = shared.wait().unwrap_err();
    assert!(reason.contains("no such transaction"), "{reason}");
    drop(shared);
    assert_eq!(restart(&sim), (vec![1], Zxid(1)), "and nothing was taken back");
}

#[test]
fn hc_18_an_installed_tree_comes_back_and_is_all_that_a_restart_finds() {
    let leaders = SimDisk::new();
    let (leader, log) = server(&leaders, config());
    perform(&leader, log, vec![append(1, 11), append(2, 12)]);
    let (received, _) = recovery::load(&leader.disk, &leader.dirs, &config()).unwrap();

    let sim = SimDisk::new();
    let (shared, log) = server(&sim, config());
    let install = LogOp::Install { zxid: Zxid(2), tree: Box::new(received) };
    let told = perform(&shared, log, vec![append(1, 1), append(2, 2), append(3, 3), install, append(3, 13)]);
    let [Input::Installed(tree), Input::Stored(5)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((nodes(tree), tree.last_zxid()), (vec![11, 12], Zxid(2)));
    drop(shared);
    assert_eq!(restart(&sim), (vec![11, 12, 13], Zxid(3)));
}

#[test]
fn hc_23_epochs_are_durable_when_they_are_counted_and_only_after_the_history_before_them() {
    let operations = {
        let sim = SimDisk::new();
        let (shared, log) = server(&sim, config());
        let before = sim.operations();
        perform(&shared, log, joining());
        sim.operations() - before
    };
    for point in 0..operations {
        let sim = SimDisk::new();
        let (shared, log) = server(&sim, config());
        sim.power_off_after(point);
        let told = perform(&shared, log, joining());
        drop(shared);
        sim.power_loss(point % 3);
        let stored = match told.last() {
            Some(Input::Stored(count)) => *count,
            _ => 0,
        };
        let (shared, _) = server(&sim, config());
        let last = shared.store.view().tree.last_zxid();
        let epochs = load_epochs(&shared.disk, &shared.dirs, Zxid::ZERO).unwrap();
        assert!(epochs.accepted >= u32::from(stored >= 1) * 3, "power off after {point}: {epochs:?}");
        assert!(epochs.current >= u32::from(stored >= 4) * 3, "power off after {point}: {epochs:?}");
        assert!(last >= Zxid((stored.clamp(1, 3) - 1) as i64), "power off after {point}: {last}");
        assert!(epochs.current < 3 || last == Zxid(2), "power off after {point}: {epochs:?} at {last}");
    }
}

/// What a follower stores while it joins epoch 3.
fn joining() -> Vec<LogOp> {
    let accepted = LogOp::Record(Record::AcceptedEpoch(3));
    vec![accepted, append(1, 1), append(2, 2), LogOp::Record(Record::CurrentEpoch(3))]
}

#[test]
fn an_epoch_that_decreases_stops_the_server() {
    let sim = SimDisk::new();
    let (shared, log) = server(&sim, config());
    let records = [4, 3].map(|epoch| LogOp::Record(Record::AcceptedEpoch(epoch)));
    let told = perform(&shared, log, records.into());
    assert!(matches!(told[..], [Input::Stored(1)]), "{told:?}");
    assert!(shared.wait().unwrap_err().contains("acceptedEpoch"));
}

/// A member with a configuration file that may change.
fn member(reconfig_enabled: bool) -> Config {
    let second = Duration::from_secs(1);
    let ensemble = Ensemble {
        me: ServerId(1),
        members: zab::Config::default(),
        last_seen: None,
        role: MemberRole::Participant,
        static_file: Some(PathBuf::from(CONFIG)),
        dynamic_file: None,
        settings: EnsembleSettings::default(),
        listen_on_all: false,
        cnx_timeout: second,
        election_read_timeout: second,
        election_bind_retry: 3,
        tcp_keep_alive: false,
        connect_timeout: second,
        no_delay: NoDelay { leader: true, learner: true },
        multi_address: false,
        observer_master_port: None,
        snapshot_size_factor: None,
    };
    Config { ensemble: Some(ensemble), reconfig_enabled, ..config() }
}

#[test]
fn memberships_are_written_only_where_they_may_change() {
    for enabled in [true, false] {
        let sim = SimDisk::new();
        sim.put(Path::new(CONFIG), b"tickTime=2000\n");
        let (shared, log) = server(&sim, member(enabled));
        let text = "server.1=a:1:2:participant;0.0.0.0:2181\nversion=100000000".to_owned();
        let next = LogOp::Record(Record::Config { text: text.clone(), committed: false });
        let committed = LogOp::Record(Record::Config { text, committed: true });
        let told = perform(&shared, log, vec![next, committed]);
        assert!(matches!(told[..], [Input::Stored(2)]), "{told:?}");
        let written = String::from_utf8(sim.contents(Path::new(CONFIG))).unwrap();
        let pointer = "dynamicConfigFile=/etc/zk/zoo.cfg.dynamic.100000000\n";
        assert_eq!(
            written,
            if enabled { format!("tickTime=2000\n{pointer}") } else { "tickTime=2000\n".into() }
        );
    }
}

#[test]
fn a_membership_that_cannot_be_written_does_not_stop_the_server() {
    let sim = SimDisk::new();
    let (shared, log) = server(&sim, member(true));
    let text = "server.1=a:1:2:participant\nversion=1".to_owned();
    let told =
        perform(&shared, log, vec![LogOp::Record(Record::Config { text, committed: true }), append(1, 1)]);
    assert!(matches!(told[..], [Input::Stored(2)]), "there is no such directory: {told:?}");
    assert!(!shared.is_stopping());
}

#[test]
fn hc_19_no_snapshot_spans_a_change_of_role_or_begins_before_the_member_is_up_to_date() {
    let sim = SimDisk::new();
    let (shared, _log) = server(&sim, config());
    let snapshots = &shared.snapshots;
    let temporary =
        || shared.disk.list(shared.dirs.snap_dir()).unwrap().iter().any(|e| e.name.contains("tmp"));
    for (role, may) in [
        (Role::Looking, false),
        (Role::Following(ServerId(2)), true),
        (Role::ReadOnly, false),
        (Role::Leading, true),
        (Role::Observing(ServerId(2)), true),
    ] {
        let begun = snapshots.generation();
        snapshots.role_changed(role);
        assert!(!snapshots.may_go_on(begun), "one that began before {role:?}");
        assert_eq!(snapshots::take(&shared).unwrap().is_some(), may, "{role:?}");
        assert!(!temporary());
    }
    let begun = snapshots.generation();
    drop(snapshots.suspend());
    assert!(!snapshots.may_go_on(begun) && !snapshots.may_go_on(snapshots.generation()));
    assert_eq!(snapshots::take(&shared).unwrap(), None, "the node still has the old tree");
    snapshots.role_changed(Role::Following(ServerId(2)));
    assert!(snapshots::take(&shared).unwrap().is_some());
}
