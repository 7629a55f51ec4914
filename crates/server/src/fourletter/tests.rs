//! Replies compared with what a Java 3.8.0 server answered in the same state, ports, ids and times as it
//! printed them. Where that server listed things in hash order they are sorted here.

use super::*;
use crate::config::{Config, Sources};
use proto::ids::{SessionId, Zxid};
use std::net::SocketAddr;

const A: SessionId = SessionId(0x0100_000f_3efc_0000);
const B: SessionId = SessionId(0x0100_000f_3efc_0001);

struct Fixed {
    mode: Option<Mode>,
    config: Config,
    digest: u64,
    watched: Vec<(String, Vec<SessionId>)>,
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
