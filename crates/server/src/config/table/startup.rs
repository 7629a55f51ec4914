//! Keys that ZooKeeper parses by name from its file.

use super::State::{EnsembleOnly, Meaningless, NotYet, Refused, Supported};
use super::{JVM, Key, Kind, PORT, PORT_OR_OFF, Place, Unit, count, int, ms};

/// Twenty ticks, the default upper bound of a session timeout, must still fit the protocol's int.
const TICK_MAX_MS: i64 = i32::MAX as i64 / 20;

const TLS_PORT: &str = "TLS comes in a later release; serving without it would not be what was asked for";
const TLS_QUORUM: &str = "TLS between servers comes in a later release";
const SASL_QUORUM: &str = "SASL between servers comes in a later release";
const METRICS: &str = "no exporter runs yet; the word mntr gives the figures meanwhile";

pub(super) const KEYS: &[Key] = rows! { Place::File;
    "dataDir", Kind::Path, "", "", Supported, "directory of snapshots and myid; required";
    "dataLogDir", Kind::Path, "", "", Supported, "directory of transaction logs; dataDir unless set";
    "clientPort", PORT, "", "", Supported, "plaintext client port; required without an ensemble";
    "clientPortAddress", Kind::Host, "", "", Supported, "address clientPort is bound to; every address unless set";
    "secureClientPort", PORT_OR_OFF, "", "3.5.1", Refused(TLS_PORT), "TLS client port";
    "secureClientPortAddress", Kind::Host, "", "3.5.1", Refused(TLS_PORT), "address secureClientPort is bound to";
    "clientPortListenBacklog", count(-1), "-1", "3.6", Supported,
        "listen backlog of the client port; -1 leaves it to the system";
    "tickTime", Kind::Int { unit: Unit::Ms, min: 1, max: TICK_MAX_MS }, "3000", "", Supported, "base time unit";
    "initLimit", int(Unit::Ticks, 0), "", "", EnsembleOnly, "time for followers to connect and sync";
    "syncLimit", int(Unit::Ticks, 0), "", "", EnsembleOnly, "how far a follower may lag";
    "connectToLearnerMasterLimit", int(Unit::Ticks, 0), "0", "3.6", EnsembleOnly,
        "time to connect to the leader; 0 is initLimit";
    "maxClientCnxns", count(-1), "60", "", Supported, "connections from one address; 0 is unlimited";
    "minSessionTimeout", ms(-1), "-1", "", Supported, "least session timeout; -1 is 2 ticks";
    "maxSessionTimeout", ms(-1), "-1", "", Supported, "greatest session timeout; -1 is 20 ticks";
    "electionAlg", Kind::OneOf(&["3"]), "3", "", EnsembleOnly, "election algorithm; only 3 is left";
    "peerType", Kind::OneOf(&["participant", "observer"]), "participant", "", EnsembleOnly, "role of this server";
    "syncEnabled", Kind::Bool, "true", "3.4.6", EnsembleOnly, "observers keep a log and snapshots of their own";
    "observerMasterPort", PORT_OR_OFF, "0", "3.6", NotYet("observers are served by the leader; nothing listens on this port"),
        "port where a follower serves observers; 0 is off";
    "quorumListenOnAllIPs", Kind::Bool, "false", "3.4.6", EnsembleOnly,
        "bind the server-to-server ports on every address";
    "localSessionsEnabled", Kind::Bool, "false", "3.5", EnsembleOnly, "sessions known to their server only";
    "localSessionsUpgradingEnabled", Kind::Bool, "false", "3.5", EnsembleOnly,
        "make a local session global when it creates an ephemeral";
    "standaloneEnabled", Kind::Bool, "true", "3.5", Supported, "whether one server without a quorum may serve";
    "reconfigEnabled", Kind::Bool, "false", "3.5.3", Supported,
        "dynamic reconfiguration; a standalone server refuses reconfig either way";
    "dynamicConfigFile", Kind::Path, "", "3.5", Supported,
        "file with the server, group and weight lines, which then may stand nowhere else";
    "autopurge.snapRetainCount", Kind::Floor { unit: Unit::Count, floor: 3 }, "3", "", Supported,
        "snapshots a purge keeps";
    "autopurge.purgeInterval", Kind::Period, "0", "", Supported, "time between purges; 0 is off";
    "sslQuorum", Kind::Bool, "false", "3.5.5", Refused(TLS_QUORUM), "TLS between servers";
    "portUnification", Kind::Bool, "false", "3.5.5", Refused(TLS_QUORUM),
        "server-to-server ports accept TLS and plaintext";
    "sslQuorumReloadCertFiles", Kind::Bool, "false", "3.5.5", NotYet(TLS_QUORUM),
        "reload changed key stores between servers";
    "quorum.auth.enableSasl", Kind::Bool, "false", "3.4.10", Refused(SASL_QUORUM), "SASL between servers";
    "quorum.auth.learnerRequireSasl", Kind::Bool, "false", "3.4.10", Refused(SASL_QUORUM),
        "outgoing peers must authenticate";
    "quorum.auth.serverRequireSasl", Kind::Bool, "false", "3.4.10", Refused(SASL_QUORUM),
        "incoming peers must authenticate";
    "quorum.auth.learner.saslLoginContext", Kind::Text, "QuorumLearner", "3.4.10", NotYet(SASL_QUORUM),
        "JAAS section of the connecting peer";
    "quorum.auth.server.saslLoginContext", Kind::Text, "QuorumServer", "3.4.10", NotYet(SASL_QUORUM),
        "JAAS section of the accepting peer";
    "quorum.auth.kerberos.servicePrincipal", Kind::Text, "zkquorum/localhost", "3.4.10", NotYet(SASL_QUORUM),
        "principal of the peers";
    "quorum.cnxn.threads.size", count(0), "20", "3.4.10", Meaningless("connections between servers do not use a thread pool"),
        "threads of the election handshake";
    "jvm.pause.monitor", Kind::Bool, "false", "3.5.10", Meaningless(JVM), "detector of garbage-collection pauses";
    "jvm.pause.warn-threshold.ms", ms(0), "10000", "3.5.10", Meaningless(JVM), "pause that is logged as a warning";
    "jvm.pause.info-threshold.ms", ms(0), "1000", "3.5.10", Meaningless(JVM), "pause that is logged";
    "jvm.pause.sleep.time.ms", ms(0), "500", "3.5.10", Meaningless(JVM), "sampling period of the detector";
    "metricsProvider.className", Kind::Text, "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider", "3.6", NotYet(METRICS),
        "metrics exporter";
    "metricsProvider.*", Kind::Text, "", "3.6", NotYet(METRICS), "settings of the metrics exporter";
    "multiAddress.enabled", Kind::Bool, "false", "3.6", EnsembleOnly, "several addresses for one server";
    "multiAddress.reachabilityCheckEnabled", Kind::Bool, "true", "3.6", Meaningless("all addresses of a server are tried at once"),
        "probe addresses before use";
    "multiAddress.reachabilityCheckTimeoutMs", ms(0), "1000", "3.6", Meaningless("all addresses of a server are tried at once"), "time for one probe";
    "oraclePath", Kind::Path, "", "3.8", Refused("two-member ensembles with an oracle come in a later release"),
        "file that decides between two voters";
    "server.*", Kind::Text, "", "", Supported,
        "one member, host:quorumPort:electionPort[:role][;[host:]clientPort], addresses separated by |";
    "group.*", Kind::Text, "", "", EnsembleOnly, "members of a quorum group";
    "weight.*", Kind::Text, "", "", EnsembleOnly, "votes of a member";
};
