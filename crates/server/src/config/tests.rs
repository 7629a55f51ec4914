//! What a whole configuration does: precedence, refusals, warnings.

use super::*;
use std::path::Path;
use std::time::Duration;

type Loaded = Result<(Config, Vec<Warning>), ConfigError>;

fn load(text: &str) -> Loaded {
    let mut sources = Sources::new();
    sources.file_bytes(Path::new("zoo.cfg"), text.as_bytes())?;
    sources.load()
}

/// Loads a file that has the required keys and `text`.
fn with(text: &str) -> Loaded {
    load(&format!("dataDir=/d\nclientPort=2181\n{text}"))
}

#[track_caller]
fn refused(text: &str, message: &str) {
    match with(text) {
        Ok(_) => panic!("{text:?} was accepted"),
        Err(error) => assert_eq!(error.to_string(), message, "for {text:?}"),
    }
}

#[track_caller]
fn warned(text: &str, message: &str) -> Config {
    let (config, warnings) = with(text).unwrap();
    let texts: Vec<_> = warnings.iter().map(Warning::to_string).collect();
    assert_eq!(texts, [message], "for {text:?}");
    config
}

#[test]
fn a_server_without_a_file_is_safe() {
    let config = Config::standalone_default("/d".into());
    let client_port = ClientPort { host: Some("127.0.0.1".into()), port: 2181, backlog: None };
    assert_eq!((config.client_port, config.tick_time), (Some(client_port), Duration::from_secs(2)));
    assert_eq!(config.sessions.min_timeout, Duration::from_secs(4));
    assert_eq!(config.sessions.max_timeout, Duration::from_secs(40));
    assert!(config.storage.force_sync && !config.tree.skip_acl);
    assert_eq!(config.four_letter_words, crate::fourletter::Whitelist::parse("srvr"));
    assert_eq!(config.data_log_dir, Path::new("/d"));
}

#[test]
fn defaults_are_the_reference_ones() {
    let (config, warnings) = with("").unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.tick_time, Duration::from_millis(3000));
    assert_eq!(config.client_port, Some(ClientPort { host: None, port: 2181, backlog: None }));
    assert_eq!(config.limits.max_connections_per_address, Some(60));
    assert_eq!(config.limits.jute_max_buffer, 0xfffff);
    assert_eq!(config.limits.jute_extra_size, 0xfffff);
    assert_eq!(config.storage.preallocate_bytes, 64 << 20);
    assert_eq!(config.storage.snap_size_limit_bytes, Some(4 << 30));
    assert_eq!(config.storage.log_size_limit_bytes, None);
    assert_eq!((config.storage.snap_count, config.storage.commit_log_count), (100_000, 500));
    assert_eq!(config.purge, Purge { snap_retain_count: 3, interval: None });
    assert_eq!(config.connection_throttle.tokens, None);
    assert_eq!(config.connection_throttle.drop_increase, 0.02);
    assert_eq!(config.request_throttle.throttled_op_wait_time, None);
    assert_eq!(config.containers.max_never_used, None);
    assert_eq!(config.auth.digest_algorithm, DigestAlgorithm::Sha1);
}

#[test]
fn every_default_is_a_value_its_row_allows() {
    for key in table::keys() {
        assert!(key.default.is_empty() || value::is_allowed(key.kind, key.default), "{}", key.name);
    }
}

#[test]
fn a_sample_file_sets_what_it_says() {
    let (config, warnings) = load(
        "tickTime=2000\ndataDir=/var/lib/zk\ndataLogDir=/log\nclientPort=2182\nclientPortAddress=[::1]\n\
         clientPortListenBacklog=100\nmaxClientCnxns=0\nminSessionTimeout=1000\nmaxSessionTimeout=90000\n\
         autopurge.snapRetainCount=5\nautopurge.purgeInterval=24\nsnapshot.compression.method=gz\nforceSync=no\n\
         flushDelay=30\n4lw.commands.whitelist=stat, ruok\nskipACL=yes\nextendedTypesEnabled=TRUE\n",
    )
    .unwrap();
    assert!(matches!(warnings[..], [Warning::Risk { .. }, Warning::Risk { .. }]), "{warnings:?}");
    let client_port = ClientPort { host: Some("::1".into()), port: 2182, backlog: Some(100) };
    assert_eq!(config.client_port, Some(client_port));
    assert_eq!(config.data_log_dir, Path::new("/log"));
    assert_eq!(config.limits.max_connections_per_address, None);
    assert_eq!(config.sessions.min_timeout, Duration::from_secs(1));
    assert_eq!(config.purge.interval, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(config.storage.snapshot_compression, Compression::Gzip);
    assert_eq!(config.storage.max_write_queue_poll_time, Duration::from_millis(10));
    assert!(!config.storage.force_sync && config.tree.skip_acl && config.tree.extended_types);
}

#[test]
fn the_file_wins_over_flags_and_flags_over_the_environment() {
    let mut sources = Sources::new();
    let variable = |name: &str, value: &str| (name.to_string(), value.to_string());
    sources.environment([
        variable("ZOOKEEPER_SNAP_COUNT", "11"),
        variable("ZOOKEEPER_COMMITLOGCOUNT", "1001"),
        variable("zookeeper_maxCnxns", "9"),
        variable("ZOOKEEPER_MAX_BATCH_SIZE", "31"),
    ]);
    sources.flag("-Dzookeeper.snapCount=12");
    sources.flag("zookeeper.commitLogCount=1002");
    sources.flag("-Djute.maxbuffer=4096");
    sources.file_bytes(Path::new("zoo.cfg"), b"dataDir=/d\nclientPort=1\nsnapCount=13").unwrap();
    sources.argument("clientPort", "2");
    let (config, warnings) = sources.load().unwrap();
    assert_eq!(warnings, []);
    assert_eq!((config.storage.snap_count, config.storage.commit_log_count), (13, 1002));
    assert_eq!((config.storage.max_batch_size, config.limits.max_connections), (Some(31), None));
    assert_eq!((config.limits.jute_max_buffer, config.limits.jute_extra_size), (4096, 4096));
    assert_eq!(config.client_port.unwrap().port, 2);
}

#[test]
fn a_key_means_the_same_with_and_without_its_prefix_and_the_later_counts() {
    let config = warned(
        "snapCount=10\nzookeeper.snapCount=20",
        "zoo.cfg:4: snapCount replaces the value of zoo.cfg:3",
    );
    assert_eq!(config.storage.snap_count, 20);
    let (config, _) = with("jute.maxbuffer=2000000\nznode.container.checkIntervalMs=50").unwrap();
    assert_eq!(config.limits.jute_max_buffer, 2_000_000);
    assert_eq!(config.containers.check_interval, Duration::from_millis(50));
}

#[test]
fn a_bad_value_is_refused_with_its_place_and_what_is_allowed() {
    refused(
        "tickTime=fast",
        "zoo.cfg:3: tickTime=fast is not allowed; expected a whole number from 1 to 107374182 ms",
    );
    refused(
        "tickTime=0",
        "zoo.cfg:3: tickTime=0 is not allowed; expected a whole number from 1 to 107374182 ms",
    );
    refused("\nforceSync=false", "zoo.cfg:4: forceSync=false is not allowed; expected yes or no");
    refused(
        "standaloneEnabled=yes",
        "zoo.cfg:3: standaloneEnabled=yes is not allowed; expected true or false",
    );
    refused(
        "clientPort=99999",
        "zoo.cfg:3: clientPort=99999 is not allowed; expected a whole number from 1 to 65535",
    );
    refused(
        "snapshot.compression.method=zip",
        "zoo.cfg:3: snapshot.compression.method=zip is not allowed; expected nothing, gz, snappy",
    );
    refused("peerType=king", "zoo.cfg:3: peerType=king is not allowed; expected participant, observer");
}

#[test]
fn required_keys_are_named_when_missing() {
    assert!(load("clientPort=1").unwrap_err().to_string().starts_with("dataDir is not set"));
    assert!(load("dataDir=/d").unwrap_err().to_string().starts_with("clientPort is not set"));
    let error = load("dataDir=/d\nclientPortAddress=::1").unwrap_err();
    assert_eq!(error.to_string(), "zoo.cfg:2: clientPortAddress: it is set but clientPort is not");
}

#[test]
fn hc_81_bounds_of_session_timeouts_that_cannot_work_are_refused() {
    refused(
        "minSessionTimeout=9\nmaxSessionTimeout=8",
        "zoo.cfg:3: minSessionTimeout: minSessionTimeout (9 ms) must not be larger than maxSessionTimeout (8 ms)",
    );
    refused(
        "maxSessionTimeout=5999",
        "zoo.cfg:3: maxSessionTimeout: minSessionTimeout (6000 ms) must not be larger than maxSessionTimeout (5999 ms)",
    );
    assert!(with("minSessionTimeout=0").is_err());
    assert!(with("maxSessionTimeout=-2").is_err());
}

#[test]
fn unknown_keys_are_reported_with_the_nearest_name() {
    warned(
        "maxClientCnxn=3",
        "zoo.cfg:3: maxClientCnxn is not a known key and is ignored; did you mean maxClientCnxns?",
    );
    warned("colour=red", "zoo.cfg:3: colour is not a known key and is ignored");
    warned(
        "requestThrottleLimit=5",
        "zoo.cfg:3: requestThrottleLimit is not a known key and is ignored; did you mean request_throttle_max_requests?",
    );
}

#[test]
fn small_numbers_are_raised_with_a_warning() {
    let config = warned(
        "autopurge.snapRetainCount=1",
        "zoo.cfg:3: autopurge.snapRetainCount=1 is too small; 3 is used",
    );
    assert_eq!(config.purge.snap_retain_count, 3);
    assert_eq!(with("snapCount=1").unwrap().0.storage.snap_count, 2);
    assert_eq!(with("commitLogCount=-5").unwrap().0.storage.commit_log_count, 500);
}

#[test]
fn what_must_not_be_ignored_is_refused() {
    for text in [
        "secureClientPort=2281",
        "ssl.keyStore.location=/k.jks",
        "sslQuorum=true",
        "client.portUnification=true",
        "quorum.auth.enableSasl=true",
        "enforce.auth.enabled=true",
        "sessionRequireClientSASLAuth=true",
        "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        "requireKerberosConfig=true",
        "oraclePath=/d/oracle",
        "server.1=a:1:2;3;4",
    ] {
        assert!(matches!(with(text), Err(ConfigError::NotInThisRelease { .. })), "{text}");
    }
}

#[test]
fn a_feature_switched_off_explicitly_is_no_reason_to_refuse_or_warn() {
    let (_, warnings) = with(
        "sslQuorum=false\nsecureClientPort=0\nenforce.auth.enabled=False\naudit.enable=false\nenforce.auth.schemes=\n\
         admin.enableServer=false\nadmin.snapshot.enabled=false\n",
    )
    .unwrap();
    assert_eq!(warnings, []);
}

#[test]
fn the_ensemble_scheme_exists_where_it_is_registered() {
    let (config, warnings) = with(
        "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\nensembleAuthName=a, b\n",
    )
    .unwrap();
    assert_eq!(warnings, []);
    assert!(config.auth.ensemble_scheme);
    assert_eq!(config.auth.ensemble_names, ["a", "b"]);
    assert!(!with("").unwrap().0.auth.ensemble_scheme);
}

#[test]
fn features_of_later_releases_are_named_when_ignored() {
    warned(
        "admin.serverPort=8081",
        "zoo.cfg:3: admin.serverPort is ignored: the admin HTTP server comes in a later release; nothing listens on \
         its port",
    );
    warned("jvm.pause.monitor=true", "zoo.cfg:3: jvm.pause.monitor has no effect here: there is no JVM");
}

#[test]
fn keys_of_an_ensemble_are_a_notice_to_a_standalone_server() {
    let (_, warnings) = with("initLimit=10\nsyncLimit=5").unwrap();
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(Warning::is_notice));
    refused(
        "initLimit=ten",
        "zoo.cfg:3: initLimit=ten is not allowed; expected a whole number from 0 to 2147483647 ticks",
    );
}

#[test]
fn one_listed_server_runs_standalone_and_may_bring_its_client_port() {
    let (config, warnings) = load("dataDir=/d\nserver.1=localhost:2888:3888;2185").unwrap();
    assert_eq!(config.client_port.unwrap().port, 2185);
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].to_string(), "zoo.cfg:2: server.1 is the only server listed; running standalone");
    assert!(warnings[0].is_notice());
    let error = load("dataDir=/d\nclientPort=2181\nserver.1=localhost:2888:3888;2185").unwrap_err();
    assert!(matches!(error, ConfigError::Conflict { .. }));
}

#[test]
fn lines_that_make_neither_a_server_nor_an_ensemble_are_refused() {
    for text in
        ["server.1=a:1:2:observer", "server.1=a:1:2\nserver.2=b:1:2:observer", "standaloneEnabled=false"]
    {
        assert!(matches!(with(text), Err(ConfigError::Conflict { .. })), "{text}");
    }
}

#[test]
fn hc_182_a_credential_never_reaches_a_message() {
    let (config, warnings) =
        with("DigestAuthenticationProvider.superDigest=super:s3cr3t\nSASLAuthenticationProvider.superPassword=s3cr3t")
            .unwrap();
    assert_eq!(config.auth.super_digest.as_ref().map(Secret::expose), Some("super:s3cr3t"));
    assert!(!format!("{config:?} {warnings:?}").contains("s3cr3t"));
    assert!(warnings.iter().all(|warning| !warning.to_string().contains("s3cr3t")));
    for text in ["DigestAuthenticationProvider.superDigest=s3c\\u0000s3cr3t", "ssl.keyStore.password=s3cr3t"]
    {
        let error = with(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{text}");
    }
}

#[test]
fn hc_183_text_from_outside_cannot_forge_a_log_line() {
    let (_, warnings) = with("evil\\nkey=1").unwrap();
    assert!(!warnings[0].to_string().contains('\n'));
    assert!(!with("tickTime=1\\n2").unwrap_err().to_string().contains('\n'));
}

#[test]
fn container_service_links_are_not_taken_for_settings() {
    let mut sources = Sources::standalone("/d".into());
    let variable = |name: &str, value: &str| (name.to_string(), value.to_string());
    sources.environment([
        variable("ZOOKEEPER_CLIENT_PORT", "tcp://10.0.0.1:2181"),
        variable("ZOOKEEPER_SERVICE_HOST", "10.0.0.1"),
        variable("ZOOKEEPER_HOME", "/opt/zk"),
        variable("ZOOKEEPER_TICKTIMES", "1"),
        variable("PATH", "/bin"),
    ]);
    let (config, warnings) = sources.load().unwrap();
    assert_eq!(config.client_port.unwrap().port, 2181);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(matches!(warnings[0], Warning::ServiceLink { .. }));
    assert!(matches!(warnings[1], Warning::Unknown { nearest: Some("tickTime"), .. }));
}

#[test]
fn the_data_directory_comes_from_the_strongest_source() {
    let environment = [("ZOOKEEPER_DATA_DIR", "/environment"), ("OTHER", "x")];
    let mut sources = Sources::standalone("/default".into());
    sources.environment(environment);
    assert_eq!(sources.load().unwrap().0.data_dir, Path::new("/environment"));
    let mut sources = Sources::standalone("/default".into());
    sources.environment(environment);
    sources.data_dir("/argument".into());
    let config = sources.load().unwrap().0;
    assert_eq!(
        (config.data_dir.as_path(), config.data_log_dir.as_path()),
        (Path::new("/argument"), Path::new("/argument"))
    );
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_do_no_harm() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let bytes = |text: &[u8]| OsString::from_vec(text.to_vec());
    let mut sources = Sources::standalone("/d".into());
    sources.environment([(bytes(b"X\xff"), bytes(b"1")), (bytes(b"ZOOKEEPER_TICK_TIME"), bytes(b"\xff1"))]);
    assert!(matches!(sources.load(), Err(ConfigError::BadValue { .. })));
}

#[test]
fn the_positional_form_sets_port_directory_tick_and_connections() {
    let (config, _) = Sources::positional("2199", "/d".into(), Some("500"), Some("7")).load().unwrap();
    assert_eq!(config.client_port, Some(ClientPort { host: None, port: 2199, backlog: None }));
    assert_eq!(config.tick_time, Duration::from_millis(500));
    assert_eq!(config.limits.max_connections_per_address, Some(7));
    let error = Sources::positional("x", "/d".into(), None, None).load().unwrap_err();
    assert_eq!(
        error.to_string(),
        "command line: clientPort=x is not allowed; expected a whole number from 1 to 65535"
    );
}

#[test]
fn settings_that_give_up_a_safety_are_pointed_out() {
    warned("forceSync=no", "zoo.cfg:3: with forceSync=no a power failure may lose acknowledged writes");
    assert!(with("snapshot.trust.empty=TRUE").is_ok_and(|(_, warnings)| warnings.len() == 1));
    assert!(with("skipACL=no\nforceSync=yes").is_ok_and(|(_, warnings)| warnings.is_empty()));
}

#[test]
fn no_value_of_any_key_makes_loading_panic() {
    const VALUES: [&str; 22] = [
        "",
        "0",
        "-1",
        "1",
        "-2147483649",
        "2147483647",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "true",
        "no",
        "NaN",
        "1e309",
        "0.5",
        "5 d",
        "2147483647d",
        "a:1:2;3",
        "::",
        "\\u0000",
        "\\ud83d\\ude00",
        "*,srvr",
    ];
    let mut accepted = 0;
    for key in table::keys() {
        let name = key.name.replace('*', "1");
        for value in VALUES {
            match load(&format!("dataDir=/d\nclientPort=2181\n{name}={value}")) {
                Ok((config, _)) => {
                    assert!(config.sessions.min_timeout <= config.sessions.max_timeout, "{name}={value}");
                    assert!(!config.tick_time.is_zero(), "{name}={value}");
                    accepted += 1;
                }
                Err(error) => assert!(error.to_string().contains(&name), "{name}={value}: {error}"),
            }
        }
    }
    assert!(accepted > 500, "{accepted} accepted");
}

#[test]
fn read_only_mode_opens_isro() {
    let (config, _) = with("readonlymode.enabled=true").unwrap();
    assert!(config.four_letter_words.allows(crate::fourletter::Word::Isro));
}

#[test]
fn an_unreadable_file_is_named() {
    let error = Sources::new().file(Path::new("/nonexistent/zoo.cfg")).unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent/zoo.cfg: cannot read the configuration: "));
}
