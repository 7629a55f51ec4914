//! Replies compared with what a Java 3.8.0 server answered in the same state, ports, ids and times as it
//! printed them. Where that server listed things in hash order they are sorted here.

use super::*;
use crate::config::{Config, Ensemble, NoDelay, Sources};
use node::{Role, Status};
use proto::ids::{SessionId, Zxid};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

const A: SessionId = SessionId(0x0100_000f_3efc_0000);
const B: SessionId = SessionId(0x0100_000f_3efc_0001);

struct Fixed {
    mode: Option<Mode>,
    config: Config,
    digest: u64,
    watched: Vec<(String, Vec<SessionId>)>,
    member: Option<Member>,
    local: Option<BTreeSet<SessionId>>,
}

fn fixed() -> Fixed {
    let mut sources = Sources::positional("21101", "/srv/data".into(), Some("2000"), None);
    sources.argument("dataLogDir", "/srv/log");
    let watch = |path: &str, sessions: &[SessionId]| (path.to_string(), sessions.to_vec());
    Fixed {
        mode: Some(Mode::Standalone),
        config: sources.load().unwrap().0,
        digest: 7_365_321_877,
        watched: vec![watch("/w", &[B, A]), watch("/rec", &[B]), watch("/none", &[A]), watch("/pers", &[B])],
        member: None,
        local: None,
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn samples(min: u64, max: u64, total: u64, count: u64) -> Samples {
    Samples { min, max, total, count }
}

fn session(id: SessionId, established_ms: i64, timeout_ms: u32) -> ConnectionSession {
    ConnectionSession {
        id,
        last_operation: "GETC",
        established_ms,
        timeout_ms,
        last_cxid: Some(6),
        last_zxid: Zxid(0x132),
        last_response_ms: 999_507,
        last_latency_ms: 1,
        latency_ms: samples(0, 2, 5, 7),
    }
}

impl View for Fixed {
    fn version(&self) -> String {
        "3.8.0-0123abc, built on 2024-12-29 17:54 UTC".into()
    }
    fn mode(&self) -> Option<Mode> {
        self.mode
    }
    fn config(&self) -> &Config {
        &self.config
    }
    fn summary(&self) -> Summary {
        Summary {
            latency_ms: samples(0, 7, 133, 315),
            received: 328,
            sent: 329,
            connections: 4,
            outstanding: 0,
            zxid: Zxid(0x132),
            node_count: 9,
        }
    }
    fn connections(&self) -> Vec<Connection> {
        let plain = |port, interest_ops, received| Connection {
            address: address(port),
            interest_ops,
            queued: 0,
            received,
            sent: 0,
            session: None,
        };
        let fresh = ConnectionSession {
            last_operation: "NA",
            last_cxid: None,
            last_zxid: Zxid(-1),
            last_response_ms: 0,
            last_latency_ms: 0,
            latency_ms: Samples::default(),
            ..session(A, 1_795_218_901_871, 10_000)
        };
        vec![
            Connection { sent: 7, session: Some(session(B, 1_795_218_901_886, 6000)), ..plain(47328, 1, 7) },
            plain(47342, 1, 0),
            plain(47464, 0, 1),
            Connection { queued: 1, session: Some(fresh), ..plain(47326, 1, 0) },
        ]
    }
    fn sessions_by_expiry(&self) -> Vec<Expiring<SessionId>> {
        vec![
            Expiring { at_ms: 1_795_218_908_000, items: vec![B] },
            Expiring { at_ms: 1_795_218_912_000, items: vec![A] },
        ]
    }
    fn connections_by_expiry(&self) -> Vec<Expiring<(SocketAddr, SessionId)>> {
        let items = vec![(address(47328), B), (address(47342), SessionId::NONE)];
        vec![Expiring { at_ms: 1_795_218_912_000, items }]
    }
    fn ephemerals(&self) -> Vec<(SessionId, Vec<String>)> {
        vec![(B, vec!["/eph2".into()]), (A, vec!["/w/é".into(), "/eph".into()])]
    }
    fn watches(&self) -> Vec<(String, Vec<SessionId>)> {
        self.watched.clone()
    }
    fn watch_counts(&self) -> WatchCounts {
        WatchCounts { connections: 2, paths: 4, watches: 5 }
    }
    fn directory_sizes(&self) -> DirectorySizes {
        DirectorySizes { snapshots: 457, logs: 65_552 }
    }
    fn digests(&self) -> Vec<DigestAt> {
        let at = |zxid, digest| DigestAt { zxid: Zxid(zxid), digest };
        vec![at(0x80, 5_857_357_787), at(0x100, self.digest)]
    }
    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::fraction("avg_latency", 0.4222), Metric::whole("packets_sent", 325)]
    }
    fn member(&self) -> Option<Member> {
        self.member.clone()
    }
    fn global_sessions(&self) -> Vec<(SessionId, i32)> {
        vec![(A, 10_000), (B, 6000)]
    }
    fn local_sessions(&self) -> Option<BTreeSet<SessionId>> {
        self.local.clone()
    }
    fn trace_mask(&self) -> i64 {
        DEFAULT_TRACE_MASK
    }
    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![("zookeeper.version", self.version()), ("user.dir", "/a\nb=c".into())]
    }
}

#[track_caller]
fn check(word: Word, expected: &str) {
    assert_eq!(render(word, &fixed()), expected);
}

#[test]
fn conf_shows_the_log_size_as_data_size_as_the_reference_does() {
    check(
        Word::Conf,
        "clientPort=21101\nsecureClientPort=-1\ndataDir=/srv/data/version-2\ndataDirSize=65552\n\
         dataLogDir=/srv/log/version-2\ndataLogSize=457\ntickTime=2000\nmaxClientCnxns=60\n\
         minSessionTimeout=4000\nmaxSessionTimeout=40000\nclientPortListenBacklog=-1\nserverId=0\n",
    );
    check(Word::Dirs, "datadir_size: 65552\nlogdir_size: 457\n");
}

#[test]
fn cons_shows_sessions_in_full_and_leaves_out_a_cxid_that_is_not_there() {
    check(
        Word::Cons,
        " /127.0.0.1:47328[1](queued=0,recved=7,sent=7,sid=0x100000f3efc0001,lop=GETC,est=1795218901886,to=6000,\
         lcxid=0x6,lzxid=0x132,lresp=999507,llat=1,minlat=0,avglat=0,maxlat=2)\n \
         /127.0.0.1:47342[1](queued=0,recved=0,sent=0)\n \
         /127.0.0.1:47464[0](queued=0,recved=1,sent=0)\n \
         /127.0.0.1:47326[1](queued=1,recved=0,sent=0,sid=0x100000f3efc0000,lop=NA,est=1795218901871,to=10000,\
         lzxid=0xffffffffffffffff,lresp=0,llat=0,minlat=0,avglat=0,maxlat=0)\n\n",
    );
}

#[test]
fn srvr_and_stat_share_their_figures() {
    let figures = "Latency min/avg/max: 0/0.4222/7\nReceived: 328\nSent: 329\nConnections: 4\nOutstanding: 0\n\
                   Zxid: 0x132\nMode: standalone\nNode count: 9\n";
    let version = "Zookeeper version: 3.8.0-0123abc, built on 2024-12-29 17:54 UTC\n";
    check(Word::Srvr, &format!("{version}{figures}"));
    check(
        Word::Stat,
        &format!(
            "{version}Clients:\n /127.0.0.1:47328[1](queued=0,recved=7,sent=7)\n \
             /127.0.0.1:47342[1](queued=0,recved=0,sent=0)\n /127.0.0.1:47464[0](queued=0,recved=1,sent=0)\n \
             /127.0.0.1:47326[1](queued=1,recved=0,sent=0)\n\n{figures}"
        ),
    );
}

#[test]
fn dump_lists_sessions_ephemerals_and_connections() {
    check(
        Word::Dump,
        "SessionTracker dump:\nSession Sets (2)/(2):\n1 expire at Fri Nov 20 23:55:08 UTC 2026:\n\
         \t0x100000f3efc0001\n1 expire at Fri Nov 20 23:55:12 UTC 2026:\n\t0x100000f3efc0000\n\
         ephemeral nodes dump:\nSessions with Ephemerals (2):\n0x100000f3efc0000:\n\t/eph\n\t/w/é\n\
         0x100000f3efc0001:\n\t/eph2\nConnections dump:\nConnections Sets (1)/(2):\n\
         2 expire at Fri Nov 20 23:55:12 UTC 2026:\n\tip: /127.0.0.1:47328 sessionId: 0x100000f3efc0001\n\
         \tip: /127.0.0.1:47342 sessionId: 0x0\n",
    );
}

#[test]
fn watches_are_listed_by_session_and_by_path() {
    check(Word::Wchc, "0x100000f3efc0000\n\t/none\n\t/w\n0x100000f3efc0001\n\t/pers\n\t/rec\n\t/w\n\n");
    check(
        Word::Wchp,
        "/none\n\t0x100000f3efc0000\n/pers\n\t0x100000f3efc0001\n/rec\n\t0x100000f3efc0001\n/w\n\
         \t0x100000f3efc0000\n\t0x100000f3efc0001\n\n",
    );
    check(Word::Wchs, "2 connections watching 4 paths\nTotal watches:5\n");
}

#[test]
fn lists_without_entries_keep_their_shape() {
    let view = Fixed { watched: Vec::new(), ..fixed() };
    assert_eq!(render(Word::Wchc, &view), "\n");
    assert_eq!(render(Word::Wchp, &view), "\n");
}

#[test]
fn the_short_words_answer_without_a_newline() {
    check(Word::Ruok, "imok");
    check(Word::Isro, "rw");
    check(Word::Gtmk, "306");
    check(Word::Stmk, "306");
}

#[test]
fn resets_are_confirmed() {
    check(Word::Crst, "Connection stats reset.\n");
    check(Word::Srst, "Server stats reset.\n");
}

#[test]
fn digests_are_signed_and_their_zxid_has_no_prefix() {
    check(Word::Hash, "80: 5857357787\n100: 7365321877\n");
    let view = Fixed { digest: u64::MAX, ..fixed() };
    assert_eq!(render(Word::Hash, &view), "80: 5857357787\n100: -1\n");
}

#[test]
fn mntr_begins_with_version_and_state() {
    check(
        Word::Mntr,
        "zk_version\t3.8.0-0123abc, built on 2024-12-29 17:54 UTC\nzk_server_state\tstandalone\n\
         zk_avg_latency\t0.4222\nzk_packets_sent\t325\n",
    );
}

#[test]
fn a_read_only_server_says_so() {
    let view = Fixed { mode: Some(Mode::ReadOnly), ..fixed() };
    assert_eq!(render(Word::Isro, &view), "ro");
    let text = render(Word::Srvr, &view);
    assert!(text.contains("\nREAD-ONLY mode; serving only read-only clients\nLatency "));
    assert!(text.contains("\nMode: read-only\n"));
}

#[test]
fn hc_174_a_server_that_does_not_serve_still_answers_every_word() {
    let view = Fixed { mode: None, ..fixed() };
    for word in Word::ALL {
        let text = render(*word, &view);
        match word {
            Word::Ruok => assert_eq!(text, "imok"),
            Word::Isro => assert_eq!(text, "null"),
            Word::Gtmk | Word::Stmk => assert_eq!(text, "306"),
            Word::Envi => assert!(text.starts_with("Environment:\n")),
            Word::Hash => assert_eq!(text, "This ZooKeeper instance is not currently serving requests"),
            _ => assert_eq!(text, "This ZooKeeper instance is not currently serving requests\n"),
        }
    }
}

#[test]
fn hc_183_text_from_clients_and_system_cannot_forge_a_line() {
    let view = Fixed { watched: vec![("/x\n/forged".into(), vec![A])], ..fixed() };
    assert_eq!(render(Word::Wchp, &view), "/x\\n/forged\n\t0x100000f3efc0000\n\n");
    assert_eq!(render(Word::Wchc, &view), "0x100000f3efc0000\n\t/x\\n/forged\n\n");
    assert!(render(Word::Envi, &view).ends_with("\nuser.dir=/a\\nb=c\n"));
}

#[test]
fn a_word_that_is_not_listed_is_refused_by_name() {
    let view = fixed();
    assert_eq!(answer(Word::Srvr, &view.config.four_letter_words, &view), render(Word::Srvr, &view));
    assert_eq!(
        answer(Word::Ruok, &view.config.four_letter_words, &view),
        "ruok is not executed because it is not in the whitelist.\n"
    );
}

/// A member of three, `myid` being 2, as 3.8.0 and 3.9.4 showed it.
fn of_three(mode: Mode, leading: Option<Leading>) -> Fixed {
    let listed = |n| format!("server.{n}=127.0.0.1:2321{n}:2322{n}:participant\n");
    let membership = format!("{}{}{}version=0", listed(1), listed(2), listed(3));
    let mut view = fixed();
    view.config.ensemble = Some(Ensemble {
        me: zab::ServerId(2),
        members: zab::Config::parse(&membership).unwrap(),
        last_seen: None,
        role: zab::MemberRole::Participant,
        static_file: None,
        dynamic_file: None,
        settings: node::EnsembleSettings { init_limit: 10, sync_limit: 9, ..Default::default() },
        listen_on_all: false,
        cnx_timeout: Duration::ZERO,
        election_read_timeout: Duration::ZERO,
        election_bind_retry: 3,
        tcp_keep_alive: false,
        connect_timeout: Duration::ZERO,
        no_delay: NoDelay { leader: true, learner: true },
        multi_address: false,
        observer_master_port: None,
        snapshot_size_factor: None,
    });
    let state = if leading.is_some() { "leading - broadcast" } else { "following - broadcast" };
    let member = Member { state: state.into(), quorum_size: 3, membership, diverged: 0, leading };
    Fixed { mode: Some(mode), member: Some(member), ..view }
}

#[test]
fn a_member_shows_its_ports_and_the_membership_without_an_end_of_line() {
    let view = of_three(Mode::Follower, None);
    let text = render(Word::Conf, &view);
    let (_, added) = text.split_once("clientPortListenBacklog=-1\n").unwrap();
    assert_eq!(
        added,
        "serverId=2\ninitLimit=10\nsyncLimit=9\nelectionAlg=3\nelectionPort=23222\nquorumPort=23212\npeerType=0\n\
         membership: \nserver.1=127.0.0.1:23211:23221:participant\nserver.2=127.0.0.1:23212:23222:participant\n\
         server.3=127.0.0.1:23213:23223:participant\nversion=0"
    );
    let cut_off = render(Word::Conf, &of_three(Mode::ReadOnly, None));
    assert!(cut_off.ends_with("\npeerType=0\n"), "a server that is cut off leaves the membership out");
    let mut observer = of_three(Mode::Observer, None);
    observer.config.ensemble.as_mut().unwrap().role = zab::MemberRole::Observer;
    assert!(render(Word::Conf, &observer).contains("\npeerType=1\nmembership: \n"));
}

#[test]
fn a_leader_shows_the_sizes_of_its_proposals() {
    let leading = Leading { learners: 2, ..Leading::default() };
    let text = render(Word::Srvr, &of_three(Mode::Leader, Some(leading)));
    assert!(
        text.ends_with("\nMode: leader\nNode count: 9\nProposal sizes last/min/max: -1/-1/-1\n"),
        "{text}"
    );
    let sizes = ProposalSizes { last: 50, min: 36, max: 1200 };
    let leading = Leading { proposals: Some(sizes), ..leading };
    let text = render(Word::Stat, &of_three(Mode::Leader, Some(leading)));
    assert!(text.ends_with("\nProposal sizes last/min/max: 50/36/1200\n"), "{text}");
    let text = render(Word::Srvr, &of_three(Mode::Follower, None));
    assert!(text.ends_with("\nMode: follower\nNode count: 9\n"), "{text}");
}

#[test]
fn mntr_of_a_leader_counts_its_learners() {
    let sizes = ProposalSizes { last: 50, min: 36, max: 1200 };
    let leading = Leading {
        learners: 3,
        synced_followers: 1,
        synced_non_voting_followers: 0,
        synced_observers: 1,
        pending_syncs: 2,
        uptime_ms: 53_299,
        proposals: Some(sizes),
    };
    let text = render(Word::Mntr, &of_three(Mode::Leader, Some(leading)));
    let own: Vec<&str> =
        text.lines().filter(|line| !line.contains("packets") && !line.contains("latency")).collect();
    assert_eq!(
        own,
        [
            "zk_version\t3.8.0-0123abc, built on 2024-12-29 17:54 UTC",
            "zk_server_state\tleader",
            "zk_peer_state\tleading - broadcast",
            "zk_quorum_size\t3",
            "zk_digest_mismatches_count\t0",
            "zk_learners\t3",
            "zk_synced_followers\t1",
            "zk_synced_non_voting_followers\t0",
            "zk_synced_observers\t1",
            "zk_pending_syncs\t2",
            "zk_leader_uptime\t53299",
            "zk_last_proposal_size\t50",
            "zk_min_proposal_size\t36",
            "zk_max_proposal_size\t1200",
        ]
    );
    let text = render(Word::Mntr, &of_three(Mode::Follower, None));
    assert!(
        text.contains("\nzk_peer_state\tfollowing - broadcast\n") && !text.contains("zk_learners"),
        "{text}"
    );
}

#[test]
fn a_learner_dumps_sessions_by_id_because_only_the_leader_expires_them() {
    let text = render(Word::Dump, &of_three(Mode::Follower, None));
    assert!(text.starts_with(
        "SessionTracker dump:\nGlobal Sessions(2):\n0x100000f3efc0000\t10000ms\n0x100000f3efc0001\t6000ms\n\
         ephemeral nodes dump:\n"
    ), "{text}");
    let text = render(Word::Dump, &of_three(Mode::Leader, None));
    assert!(text.starts_with("SessionTracker dump:\nSession Sets (2)/(2):\n"), "{text}");
}

#[test]
fn what_a_member_plays_follows_from_its_status() {
    let mut status = Status {
        role: Role::Looking,
        serving: false,
        accepted_epoch: 1,
        current_epoch: 1,
        last_logged: Zxid(0),
        committed: Zxid(0),
        last_proposed: Zxid(0),
        learners: Vec::new(),
        pending_syncs: 0,
        diverged: 0,
        election_ms: 0,
    };
    let leader = zab::ServerId(1);
    for (role, serving, expected) in [
        (Role::Standalone, true, Some(Mode::Standalone)),
        (Role::Looking, false, None),
        (Role::ReadOnly, false, Some(Mode::ReadOnly)),
        (Role::Leading, false, None),
        (Role::Leading, true, Some(Mode::Leader)),
        (Role::Following(leader), false, None),
        (Role::Following(leader), true, Some(Mode::Follower)),
        (Role::Observing(leader), true, Some(Mode::Observer)),
    ] {
        (status.role, status.serving) = (role, serving);
        assert_eq!(mode(&status), expected, "{role:?}");
    }
    let learner = |follows, votes, synced| node::LearnerStatus {
        id: leader,
        link: zab::LinkId(1),
        follows,
        votes,
        synced,
        acked: Zxid(0),
    };
    status.role = Role::Leading;
    status.learners = vec![
        learner(true, true, true),
        learner(true, true, false),
        learner(true, false, true),
        learner(false, false, true),
    ];
    let config =
        zab::Config::parse("server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\nversion=1f").unwrap();
    let member = Member::new(&status, &config, 7, None);
    let leading = member.leading.unwrap();
    let synced = (leading.synced_followers, leading.synced_non_voting_followers, leading.synced_observers);
    assert_eq!((leading.learners, synced), (4, (1, 1, 1)));
    assert_eq!((member.quorum_size, leading.uptime_ms), (2, 7));
    assert!(member.membership.ends_with("version=1f"));
}

#[test]
fn local_sessions_are_dumped_apart_from_the_others() {
    let local = Some(BTreeSet::from([A]));
    let leader = Fixed { local: local.clone(), ..of_three(Mode::Leader, None) };
    assert!(render(Word::Dump, &leader).starts_with(
        "SessionTracker dump:\nLocal Session Sets (1)/(1):\n1 expire at Fri Nov 20 23:55:12 UTC 2026:\n\
         \t0x100000f3efc0000\nGlobal Session Sets (1)/(1):\n1 expire at Fri Nov 20 23:55:08 UTC 2026:\n\
         \t0x100000f3efc0001\nephemeral nodes dump:\n"
    ));
    let follower = Fixed { local, ..of_three(Mode::Follower, None) };
    let text = render(Word::Dump, &follower);
    let rest = text.split_once("\t0x100000f3efc0000\nGlobal Sessions(2):\n").map(|(before, _)| before);
    assert!(rest.is_some_and(|before| before.contains("Local Session Sets (1)/(1):")), "{text}");
}
