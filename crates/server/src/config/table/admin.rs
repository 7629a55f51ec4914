//! Four-letter words, admin server, audit log and path statistics.

use super::State::{Meaningless, NotYet, Supported};
use super::{Key, Kind, PORT_OR_OFF, Place, Unit, count, int, ms};

const ADMIN: &str = "the admin HTTP server comes in a later release; nothing listens on its port";
const PATHS: &str = "path statistics come in a later release";

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "4lw.commands.whitelist", Kind::List, "srvr", "3.4.10", Supported,
        "four-letter words that are answered; * is all";
    "admin.enableServer", Kind::Bool, "true", "3.5", NotYet(ADMIN), "start the admin HTTP server";
    "admin.serverAddress", Kind::Host, "0.0.0.0", "3.5.1", NotYet(ADMIN), "its address";
    "admin.serverPort", PORT_OR_OFF, "8080", "3.5", NotYet(ADMIN), "its port";
    "admin.idleTimeout", ms(-1), "30000", "3.5.3", NotYet(ADMIN), "its idle timeout";
    "admin.commandURL", Kind::Text, "/commands", "3.5", NotYet(ADMIN), "path of its commands";
    "admin.httpVersion", count(0), "11", "3.6", NotYet(ADMIN), "HTTP version, 11 for 1.1";
    "admin.portUnification", Kind::Bool, "false", "3.6", NotYet(ADMIN), "TLS and plaintext on one port";
    "admin.forceHttps", Kind::Bool, "false", "3.6.3", NotYet(ADMIN), "TLS only";
    "admin.needClientAuth", Kind::Bool, "false", "3.9", NotYet(ADMIN), "clients need a certificate";
    "admin.rateLimiterIntervalInMS", ms(0), "300000", "3.9", NotYet(ADMIN),
        "least time between snapshot or restore commands";
    "admin.snapshot.enabled", Kind::Bool, "true", "3.9", NotYet(ADMIN), "allow the snapshot command";
    "admin.restore.enabled", Kind::Bool, "true", "3.9", NotYet(ADMIN), "allow the restore command";
    "audit.enable", Kind::Bool, "false", "3.6", NotYet("the audit log comes in a later release; nothing is audited"),
        "write an audit log";
    "audit.impl.class", Kind::Text, "org.apache.zookeeper.audit.Slf4jAuditLogger", "3.6", NotYet("the audit log comes in a later release"),
        "audit logger";
    "pathStats.enabled", Kind::Bool, "false", "3.6", NotYet(PATHS), "statistics of the busiest paths";
    "pathStats.slotCapacity", count(0), "60", "3.6", NotYet(PATHS), "slots of the statistics";
    "pathStats.slotDuration", int(Unit::Seconds, 0), "15", "3.6", NotYet(PATHS), "duration of a slot";
    "pathStats.maxDepth", count(0), "6", "3.6", NotYet(PATHS), "levels of a path that count";
    "pathStats.sampleRate", Kind::Ratio, "0.1", "3.6", NotYet(PATHS), "share of requests sampled";
    "pathStats.initialDelay", int(Unit::Minutes, 0), "5", "3.6", NotYet(PATHS), "wait before the first report";
    "pathStats.delay", int(Unit::Minutes, 0), "5", "3.6", NotYet(PATHS), "wait between reports";
    "pathStats.topPathMax", count(0), "20", "3.6", NotYet(PATHS), "paths in a report";
    "jmx.log4j.disable", Kind::Bool, "false", "", Meaningless("there is no JMX"), "no log4j beans";
    "jmx.log4j.mbean", Kind::Text, "log4j:hierarchy=default", "3.5.5", Meaningless("there is no JMX"),
        "name of the log4j bean";
};
