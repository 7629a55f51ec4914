//! Texts as the reference wrote them (3.9.4), and texts it refuses.

use super::*;

/// Input, and what the reference makes of it.
const SAME_IN_JAVA: [(&str, &str); 8] = [
    (
        "server.1=127.0.0.1:2888:3888;2181\nserver.2=[::1]:2888:3888:observer;[::]:2182\nserver.3=host.invalid:1:2;localhost:99",
        "server.1=127.0.0.1:2888:3888:participant;0.0.0.0:2181\n\
         server.2=[0:0:0:0:0:0:0:1]:2888:3888:observer;[0:0:0:0:0:0:0:0]:2182\n\
         server.3=host.invalid:1:2:participant;localhost:99\n\
         version=0",
    ),
    (
        "server.1=b:1:2|a:3:4;2181\nversion=100000000",
        "server.1=a:3:4|b:1:2:participant;0.0.0.0:2181\nversion=100000000",
    ),
    (
        "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\ngroup.1=1\ngroup.2=2\nweight.1=3",
        "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:observer\n\
         group.1=1\ngroup.2=2\nweight.1=3\nweight.2=1\nversion=0",
    ),
    (
        "server.1=a:1:2\nserver.2=b:1:2\ngroup.9=2:1\nweight.7=0\nversion=a",
        "server.1=a:1:2:participant\nserver.2=b:1:2:participant\ngroup.9=1:2\nweight.1=1\nweight.2=1\nweight.7=0\nversion=a",
    ),
    (
        "server.1=[FE80::A]:1:2;[::ffff:1.2.3.4]:5",
        "server.1=[fe80:0:0:0:0:0:0:a]:1:2:participant;1.2.3.4:5\nversion=0",
    ),
    (
        "server.1=a:1:2:OBSERVER|b:1:2\nserver.2=c:1:2;",
        "server.1=a:1:2|b:1:2:observer\nserver.2=c:1:2:participant\nversion=0",
    ),
    ("server.1=[a]:1:2", "server.1=a:1:2:participant\nversion=0"),
    (
        "server.-1=a:1:2\nserver.16=a:1:2\nserver.5=a:1:2",
        "server.-1=a:1:2:participant\nserver.16=a:1:2:participant\nserver.5=a:1:2:participant\nversion=0",
    ),
];

#[test]
fn texts_come_out_as_the_reference_writes_them() {
    for (given, expected) in SAME_IN_JAVA {
        let config = Config::parse(given).unwrap();
        assert_eq!(config.to_text(), expected, "from {given}");
        assert_eq!(Config::parse(expected), Ok(config), "its own text means the same");
    }
}

#[test]
fn ids_beyond_the_table_come_in_the_order_of_its_slots() {
    let text: String = (0..14).map(|n| format!("server.{}=a:1:2\n", n * 7 + 1)).collect();
    let written = Config::parse(&text).unwrap().to_text();
    let ids: Vec<&str> =
        written.lines().filter_map(|line| line.strip_prefix("server.")?.split('=').next()).collect();
    assert_eq!(ids, ["64", "1", "36", "71", "8", "43", "78", "15", "50", "85", "22", "57", "92", "29"]);
}

#[test]
fn comments_spaces_and_other_separators_are_those_of_properties() {
    let config = Config::parse("# who\r\n  server.1 = a:1:2:participant ;2181 \r\n!\n\nversion: ff").unwrap();
    assert_eq!(config.to_text(), "server.1=a:1:2:participant;0.0.0.0:2181\nversion=ff");
}

#[track_caller]
fn refused(text: &str, line: u32, key: &str, problem: ConfigProblem) {
    assert_eq!(Config::parse(text), Err(ConfigTextError { line, key: key.into(), problem }), "{text}");
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    for value in [
        "",
        "a",
        "a:1",
        "a:1:2:3:4",
        ":1:2",
        "a:0:2",
        "a:1:65536",
        "::1:1:2",
        "[::1:1:2",
        "a:1:2:king",
        "a:1:2;x",
        "a b:1:2",
    ] {
        refused(&format!("version=1\nserver.7={value}"), 2, "server.7", ConfigProblem::BadServer);
    }
    refused("server.1=a:1:1", 1, "server.1", ConfigProblem::SamePorts);
    refused("server.1=a:1:2:observer|b:1:2:participant", 1, "server.1", ConfigProblem::MixedRoles);
    refused("server.1=a:1:2;3;4", 1, "server.1", ConfigProblem::SecurePort);
    refused("server.x=a:1:2", 1, "server.x", ConfigProblem::BadId);
    refused("server.1=a:1:2\nversion=xyz", 2, "version", ConfigProblem::BadVersion);
    refused("clientPort=2181", 1, "clientPort", ConfigProblem::UnknownKey);
    refused("rack.1=2", 1, "rack.1", ConfigProblem::UnknownKey);
    refused("group.1=1:", 1, "group.1", ConfigProblem::BadGroup);
    refused("weight.1=-1", 1, "weight.1", ConfigProblem::BadWeight);
}

#[test]
fn hc_12_groups_that_leave_voters_out_or_overlap_are_refused() {
    let servers = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\n";
    for (rest, problem) in [
        ("group.1=1", ConfigProblem::NoGroup(ServerId(2))),
        ("weight.1=1", ConfigProblem::NoGroup(ServerId(1))),
        ("group.1=1:2\ngroup.2=2", ConfigProblem::TwoGroups(ServerId(2))),
        ("group.1=1:2:1", ConfigProblem::TwoGroups(ServerId(1))),
        ("group.1=1:2:3", ConfigProblem::NoWeight(ServerId(3))),
        ("group.1=1:2:9", ConfigProblem::NoWeight(ServerId(9))),
    ] {
        refused(&format!("{servers}{rest}"), 0, "", problem);
    }
    let config = Config::parse(&format!("{servers}group.1=1:2\nweight.2=0")).unwrap();
    let quorum = config.quorum();
    assert_eq!((quorum.weight(ServerId(1)), quorum.weight(ServerId(2)), quorum.len()), (1, 0, 2));
    assert!(quorum.contains(&[ServerId(1)].into()));
}

#[test]
fn a_membership_without_voters_is_none() {
    for text in ["", "version=5", "server.1=a:1:2:observer"] {
        refused(text, 0, "", ConfigProblem::NoVoters);
    }
}

#[test]
fn equivalence_is_by_version_and_else_by_content() {
    let read = |text: &str| Config::parse(text).unwrap();
    let base = read("server.1=a:1:2|b:1:2\nserver.2=c:1:2\nversion=1");
    assert!(base.is_equivalent(&read("server.9=z:1:2\nversion=1")), "the version decides");
    assert!(base.is_equivalent(&read("server.2=c:1:2\nserver.1=b:1:2|a:1:2\nversion=2")));
    assert!(!base.is_equivalent(&read("server.1=a:1:2|b:1:2\nversion=2")));
    assert!(!base.is_equivalent(&read("server.1=a:1:2|b:1:2\nserver.2=c:1:2;5\nversion=2")));
    let grouped = read("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\nversion=1");
    assert!(
        grouped.is_equivalent(&read("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=2:1\nweight.1=1\nversion=2"))
    );
    assert!(
        !grouped.is_equivalent(&read("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\nweight.1=2\nversion=2"))
    );
    assert!(!grouped.is_equivalent(&read("server.1=a:1:2\nserver.2=b:1:2\nversion=2")));
}

#[test]
fn a_complaint_names_the_place_and_cannot_forge_a_line() {
    let error = Config::parse("server.1=a:1:2\nserver.1\u{1b}[2J=x").unwrap_err();
    assert_eq!(
        error.to_string(),
        "membership, line 2: server.1\\u{1b}[2J: what follows the dot must be a number"
    );
    let error = Config::parse("").unwrap_err();
    assert_eq!(error.to_string(), "membership: at least one member must vote");
}

#[test]
fn texts_cut_or_changed_anywhere_never_panic() {
    let whole = SAME_IN_JAVA[0].0;
    let mut read = 0;
    for at in (0..whole.len()).filter(|at| whole.is_char_boundary(*at)) {
        for insert in ["", ":", "|", ";", "[", "]", "=", "\n", "\u{e9}", "-", "9999999999999999999"] {
            for text in
                [format!("{}{insert}", &whole[..at]), format!("{}{insert}{}", &whole[..at], &whole[at + 1..])]
            {
                if let Ok(config) = Config::parse(&text) {
                    assert_eq!(Config::parse(&config.to_text()), Ok(config), "{text}");
                    read += 1;
                }
            }
        }
    }
    assert!(read > 100, "{read}");
}
