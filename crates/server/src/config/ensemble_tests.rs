//! What a configuration makes of listed servers: who it is, with whom, and where it listens.

use super::files::Files;
use super::*;
use std::path::Path;
use std::time::Duration;
use zab::{MemberRole, ServerId};

const THREE: &str = "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n";
const MORE: &str = "dataDir=/d\nclientPort=2181\ninitLimit=10\nsyncLimit=5\n";

/// Loads `/etc/zoo.cfg` with other files at hand.
fn load(text: &str, others: &[(&str, &str)]) -> Result<(Config, Vec<Warning>), ConfigError> {
    let mut sources = Sources::new();
    let given = others.iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec()));
    sources.files = Files::Given(given.collect());
    sources.file_bytes(Path::new("/etc/zoo.cfg"), text.as_bytes())?;
    sources.load()
}

/// Loads a member of an ensemble, `myid` being 2.
fn member(text: &str) -> Result<(Config, Vec<Warning>), ConfigError> {
    load(&format!("{MORE}{text}"), &[("/d/myid", "2\n")])
}

fn ensemble(text: &str) -> Ensemble {
    member(text).unwrap().0.ensemble.unwrap()
}

#[track_caller]
fn refused(text: &str, others: &[(&str, &str)], message: &str) {
    match load(text, others) {
        Ok(_) => panic!("{text:?} was accepted"),
        Err(error) => assert_eq!(error.to_string(), message, "for {text:?}"),
    }
}

#[test]
fn a_member_knows_itself_the_others_and_the_limits() {
    let (config, warnings) = member(&format!(
        "tickTime=2000\nconnectToLearnerMasterLimit=3\ncnxTimeout=700\nelectionPortBindRetry=0\ntcpKeepAlive=true\n\
         quorumListenOnAllIPs=true\nleaderServes=no\nfollower.nodelay=false\nlocalSessionsEnabled=true\n\
         localSessionsUpgradingEnabled=true\nreadonlymode.enabled=true\ncommitLogCount=900\nforceSnapshotSync=true\n\
         leader.maxTimeToWaitForEpoch=0\nfastleader.minNotificationInterval=50\nsnapshotSizeFactor=-1\n{THREE}"
    ))
    .unwrap();
    assert_eq!(warnings, []);
    let ensemble = config.ensemble.unwrap();
    assert_eq!((ensemble.me, ensemble.role), (ServerId(2), MemberRole::Participant));
    assert_eq!(ensemble.members.voters().collect::<Vec<_>>(), [1, 2, 3].map(ServerId));
    assert_eq!((ensemble.members.version, &ensemble.last_seen), (0, &None));
    assert_eq!(
        (ensemble.own_addresses()[0].host.as_str(), ensemble.own_addresses()[0].quorum_port),
        ("b", 2888)
    );
    assert_eq!(ensemble.static_file.as_deref(), Some(Path::new("/etc/zoo.cfg")));
    assert_eq!(
        (ensemble.connect_timeout, ensemble.cnx_timeout),
        (Duration::from_secs(6), Duration::from_millis(700))
    );
    assert_eq!(ensemble.election_read_timeout, Duration::from_secs(10));
    assert!(ensemble.listen_on_all && ensemble.tcp_keep_alive && ensemble.election_bind_retry == 0);
    assert_eq!(ensemble.no_delay, NoDelay { leader: true, learner: false });
    assert_eq!(ensemble.snapshot_size_factor, None);
    let settings = ensemble.settings;
    assert_eq!((settings.init_limit, settings.sync_limit, settings.history_count), (10, 5, 900));
    assert!(!settings.leader_serves && settings.local_sessions && settings.upgrade_local_sessions);
    assert!(settings.read_only_mode && settings.force_snapshot && settings.observer_logs);
    assert_eq!(settings.max_time_to_wait_for_epoch_ms, Some(0));
    assert_eq!(settings.election.min_notification_interval_ms, 50);
    assert_eq!(settings.election.max_notification_interval_ms, 60_000);
}

#[test]
fn defaults_of_an_ensemble_are_the_reference_ones() {
    let ensemble = ensemble(THREE);
    assert_eq!(ensemble.cnx_timeout, Duration::from_secs(5));
    assert_eq!(
        (ensemble.connect_timeout, ensemble.election_read_timeout),
        (Duration::from_secs(30), Duration::from_secs(15))
    );
    assert_eq!((ensemble.election_bind_retry, ensemble.snapshot_size_factor), (3, Some(0.33)));
    assert_eq!((ensemble.settings.snap_syncs_max, ensemble.settings.diff_syncs_max), (10, 100));
    assert!(!ensemble.listen_on_all && !ensemble.tcp_keep_alive && !ensemble.multi_address);
    assert_eq!(ensemble.observer_master_port, None);
    let expected =
        node::EnsembleSettings { init_limit: 10, sync_limit: 5, ..node::EnsembleSettings::default() };
    assert_eq!(ensemble.settings, expected, "the core's defaults are the table's");
}

#[test]
fn a_member_without_a_usable_myid_is_told_what_is_missing() {
    let text = format!("{MORE}{THREE}");
    refused(
        &text,
        &[],
        "/d/myid: myid file is missing; it says which of the servers listed this is, as in 1",
    );
    refused(&text, &[("/d/myid", "two\n")], "/d/myid: serverid two is not usable: it is not a number");
    refused(&text, &[("/d/myid", "")], "/d/myid: serverid  is not usable: it is not a number");
    refused(
        &text,
        &[("/d/myid", "4\n")],
        "/d/myid: serverid 4 is not usable: the servers listed are 1, 2, 3",
    );
    refused(
        &format!("{text}server.255=d:1:2\nextendedTypesEnabled=true"),
        &[("/d/myid", "255")],
        "/d/myid: serverid 255 is not usable: with extendedTypesEnabled it may be 254 at most",
    );
    assert!(load(&text, &[("/d/myid", " 3 \r\nanything")]).is_ok());
}

#[test]
fn limits_of_an_ensemble_have_no_default() {
    let text = format!("dataDir=/d\nclientPort=1\n{THREE}");
    let myid = [("/d/myid", "1")];
    for (more, key) in [
        ("syncLimit=5", "initLimit"),
        ("initLimit=5", "syncLimit"),
        ("initLimit=0\nsyncLimit=1", "initLimit"),
    ] {
        let error = load(&format!("{text}{more}"), &myid).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{key} is not set; ")), "{error}");
    }
}

#[test]
fn every_form_of_a_server_line_is_read() {
    let ensemble = ensemble(
        "server.1=a:1:2:participant;2181\nserver.2=b:1:2\nserver.3=[::1]:1:2|c:3:4:observer;d:5\nmultiAddress.enabled=true\n\
         server.4=e:1:2\n",
    );
    assert_eq!(
        ensemble.members.to_text(),
        "server.1=a:1:2:participant;0.0.0.0:2181\nserver.2=b:1:2:participant\n\
         server.3=[0:0:0:0:0:0:0:1]:1:2|c:3:4:observer;d:5\nserver.4=e:1:2:participant\nversion=0"
    );
    assert!(ensemble.multi_address);
    refused(
        &format!("{MORE}server.1=a:1:2\nserver.2=b:1:2|c:1:2"),
        &[("/d/myid", "1")],
        "/etc/zoo.cfg:6: server.2: several addresses need multiAddress.enabled=true",
    );
    refused(
        &format!("{MORE}server.1=a:1\nserver.2=b:1:2"),
        &[("/d/myid", "1")],
        "/etc/zoo.cfg:5: server.1: expected host:quorumPort:electionPort[:participant|observer][;[host:]clientPort], \
         several addresses separated by |",
    );
    refused(
        &format!("{MORE}server.one=a:1:2"),
        &[],
        "/etc/zoo.cfg:5: server.one: what follows the dot must be a number",
    );
}

#[test]
fn hc_12_groups_and_weights_make_a_hierarchical_quorum() {
    let grouped = format!("{THREE}group.1=1:2\ngroup.2=3\nweight.3=0\n");
    let quorum = ensemble(&grouped).members.quorum();
    assert!(quorum.contains(&[1, 2].map(ServerId).into()) && !quorum.contains(&[1, 3].map(ServerId).into()));
    refused(
        &format!("{MORE}{THREE}group.1=1:2"),
        &[("/d/myid", "1")],
        "/etc/zoo.cfg:7: server.3: server 3 votes and is in no group",
    );
}

#[test]
fn hc_10_the_line_of_a_server_says_its_role_whatever_its_peer_type() {
    let listed = "server.1=a:1:2\nserver.2=b:1:2:observer\nserver.3=c:1:2\nserver.4=d:1:2";
    for (peer_type, overruled) in
        [("", false), ("peerType=observer\n", false), ("peerType=participant\n", true)]
    {
        let (config, warnings) = member(&format!("{peer_type}{listed}")).unwrap();
        let ensemble = config.ensemble.unwrap();
        assert_eq!(ensemble.role, MemberRole::Observer, "{peer_type}");
        assert!(!ensemble.members.is_voter(ensemble.me));
        let texts: Vec<String> = warnings.iter().map(Warning::to_string).collect();
        let expected = "/etc/zoo.cfg:5: peerType is overruled by server.2, which says observer";
        assert_eq!(texts, if overruled { vec![expected] } else { vec![] });
    }
}

#[test]
fn the_client_port_may_stand_in_the_own_line_and_must_then_agree() {
    let address = |text: &str| {
        let text = text.replace("clientPort=2181\n", "");
        load(&text, &[("/d/myid", "2")])
            .map(|(config, _)| config.client_port.map(|client| (client.host, client.port)))
    };
    let with = |more: &str, client: &str| {
        format!("{MORE}{more}\nserver.1=a:1:2;7\nserver.2=b:1:2{client}\nserver.3=c:1:2;8\n")
    };
    assert_eq!(address(&with("", ";2185")).unwrap(), Some((None, 2185)));
    assert_eq!(address(&with("", ";10.0.0.1:2185")).unwrap(), Some((Some("10.0.0.1".into()), 2185)));
    assert_eq!(address(&with("clientPort=2185 ", ";2185")).unwrap(), Some((None, 2185)));
    assert_eq!(
        address(&with("clientPort=2185 ", ";10.0.0.1:2185")).unwrap(),
        Some((Some("10.0.0.1".into()), 2185))
    );
    assert_eq!(address(&with("clientPort=2185 ", "")).unwrap(), Some((None, 2185)));
    let error = address(&with("clientPort=2186 ", ";2185")).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "server.2: its client address 0.0.0.0:2185 differs from clientPort=2186; drop one of them"
        ),
        "{error}"
    );
    let error = address(&with("clientPort=2185 \nclientPortAddress=10.0.0.2", ";10.0.0.1:2185"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("differs from clientPortAddress=10.0.0.2"), "{error}");
    assert_eq!(address(&with("", "")).unwrap(), None, "a member need not serve clients");
    let error = address(&with("clientPortAddress=10.0.0.1", "")).unwrap_err().to_string();
    assert!(error.contains("clientPort is not"), "{error}");
}

#[test]
fn a_membership_file_says_who_and_its_name_says_which_version() {
    let text = format!("{MORE}dynamicConfigFile=/etc/zoo.cfg.dynamic.200000005\n");
    let next = "server.2=b:1:2\nserver.9=z:1:2\nversion=300000001";
    let files = [
        ("/d/myid", "2"),
        ("/etc/zoo.cfg.dynamic.200000005", "server.1=a:1:2\nserver.2=b:1:2;2181\nserver.3=c:1:2"),
        ("/etc/zoo.cfg.dynamic.next", next),
    ];
    let ensemble = load(&text, &files).unwrap().0.ensemble.unwrap();
    assert_eq!((ensemble.members.version, ensemble.members.members.len()), (0x2_0000_0005, 3));
    assert_eq!(ensemble.last_seen.map(|config| config.version), Some(0x3_0000_0001));
    assert_eq!(ensemble.dynamic_file.as_deref(), Some(Path::new("/etc/zoo.cfg.dynamic.200000005")));
    let older = [files[0], files[1], ("/etc/zoo.cfg.dynamic.next", "server.2=b:1:2\nversion=1")];
    assert_eq!(load(&text, &older).unwrap().0.ensemble.unwrap().last_seen, None, "an old one is of no use");
    assert_eq!(member(THREE).unwrap().0.ensemble.unwrap().last_seen, None);
}

#[test]
fn a_membership_file_that_cannot_be_used_is_named() {
    let text = format!("{MORE}dynamicConfigFile=/etc/members\n");
    let with = |content| [("/d/myid", "1"), ("/etc/members", content)];
    let error = load(&text, &[]).unwrap_err().to_string();
    assert_eq!(error, "/etc/zoo.cfg:5: dynamicConfigFile: /etc/members: cannot be read: entity not found");
    refused(
        &text,
        &with("server.1=a:1:2\nversion=5"),
        "/etc/members:2: version: the name of the file says the version; the file itself must not",
    );
    refused(
        &text,
        &with("server.1=a:1:2\nclientPort=5"),
        "/etc/members:2: clientPort: a membership has only server.N, group.N, weight.N and version",
    );
    refused(
        &text,
        &with(""),
        "/etc/members:1: dynamicConfigFile: only observers are listed; at least one member must vote",
    );
    refused(
        &format!("{text}{THREE}"),
        &with(THREE),
        "/etc/zoo.cfg:6: server.1: it must stand in the file that dynamicConfigFile names, and only there",
    );
    let bad_next = [with(THREE)[0], with(THREE)[1], ("/etc/zoo.cfg.dynamic.next", "server.1=nonsense")];
    assert!(
        load(&text, &bad_next)
            .unwrap_err()
            .to_string()
            .starts_with("/etc/zoo.cfg.dynamic.next:1: server.1: ")
    );
}

#[test]
fn one_voter_is_an_ensemble_only_when_told_so() {
    let one = format!("{MORE}server.2=b:1:2;2181\n");
    let (config, warnings) = load(&one, &[]).unwrap();
    assert_eq!(config.ensemble, None);
    assert!(warnings.iter().all(Warning::is_notice) && warnings.len() == 3, "{warnings:?}");
    let (config, warnings) = member("server.2=b:1:2;2181\nstandaloneEnabled=false").unwrap();
    assert_eq!((config.ensemble.unwrap().members.members.len(), warnings), (1, vec![]));
    let (config, _) = member("server.2=b:1:2\nserver.3=c:1:2:observer\nstandaloneEnabled=false").unwrap();
    assert_eq!(config.ensemble.unwrap().members.voters().count(), 1);
    let in_file = [("/etc/members", "server.2=b:1:2")];
    let (config, _) = load(&format!("{MORE}dynamicConfigFile=/etc/members"), &in_file).unwrap();
    assert_eq!(config.ensemble, None);
}

#[test]
fn an_even_number_of_voters_is_pointed_out() {
    let (_, warnings) = member("server.1=a:1:2\nserver.2=b:1:2").unwrap();
    assert_eq!(warnings[0].to_string(), "two servers vote: neither may fail; three stand one failure");
    let (_, warnings) = member(&format!("{THREE}server.4=d:1:2")).unwrap();
    assert_eq!(warnings[0].to_string(), "4 servers vote: 3 would stand as many failures");
    assert_eq!(member(&format!("{THREE}server.4=d:1:2:observer")).unwrap().1, []);
}

#[test]
fn files_that_are_no_files_are_refused_and_not_waited_for() {
    let text = format!("dataDir=/\nclientPort=1\ninitLimit=1\nsyncLimit=1\n{THREE}")
        .replace("dataDir=/", "dataDir=/dev/null");
    let mut sources = Sources::new();
    sources.file_bytes(Path::new("/nonexistent/zoo.cfg"), text.as_bytes()).unwrap();
    assert!(matches!(sources.load(), Err(ConfigError::Unreadable { .. })));
    let mut sources = Sources::new();
    let text = "dataDir=/d\nclientPort=1\ndynamicConfigFile=/dev/zero";
    sources.file_bytes(Path::new("/nonexistent/zoo.cfg"), text.as_bytes()).unwrap();
    assert!(sources.load().unwrap_err().to_string().contains("not a regular file"));
}
