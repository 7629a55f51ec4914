//! Sockets and threads.

use super::State::{EnsembleOnly, Meaningless, NotYet, Refused, Supported};
use super::{JVM, Key, Kind, Place, Unit, count, int, ms};

const TLS: &str = "TLS comes in a later release";
const NETTY: &str = "there is no Netty; back-pressure is always on";

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "serverCnxnFactory", Kind::Text, "org.apache.zookeeper.server.NIOServerCnxnFactory", "", Meaningless("one network layer serves every port"),
        "network implementation, NIO or Netty";
    "nio.numSelectorThreads", count(1), "", "3.5", Supported, "event-loop threads; chosen by cores unless set";
    "nio.numWorkerThreads", count(0), "", "3.5", Meaningless("event loops do the work themselves; see nio.numSelectorThreads"),
        "threads that read and write sockets";
    "nio.sessionlessCnxnTimeout", ms(1), "10000", "3.5", Supported,
        "a connection without a session is closed after this";
    "nio.shutdownTimeout", ms(0), "5000", "3.5", Meaningless("there is no worker pool to wait for"),
        "wait for workers at shutdown";
    "nio.directBufferBytes", int(Unit::Bytes, 0), "65536", "3.5", Meaningless(JVM), "direct buffer of a worker";
    "clientTcpKeepAlive", Kind::Bool, "false", "3.7", Supported, "TCP keep-alive on client sockets";
    "tcpKeepAlive", Kind::Bool, "false", "3.4.14", EnsembleOnly, "TCP keep-alive on election sockets";
    "netty.advancedFlowControl.enabled", Kind::Bool, "false", "3.6", Meaningless(NETTY),
        "finer back-pressure in Netty";
    "netty.server.outstandingHandshake.limit", count(-1), "-1", "3.6", NotYet(TLS),
        "TLS handshakes in progress; -1 is unlimited";
    "netty.server.earlyDropSecureConnectionHandshakes", Kind::Bool, "false", "3.7.1", NotYet(TLS),
        "drop TLS handshakes while the server does not serve";
    "client.portUnification", Kind::Bool, "false", "3.5.7", Refused(TLS), "the client port accepts TLS and plaintext";
    "client.certReload", Kind::Bool, "false", "3.7.2", NotYet(TLS), "reload changed certificates of the client port";
};
