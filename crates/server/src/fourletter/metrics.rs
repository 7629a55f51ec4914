//! The lines of `mntr`, under the names that existing collectors know.

use super::view::Samples;
use crate::java_text;
use std::borrow::Cow;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name without the `zk_` that `mntr` puts in front.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: MetricValue,
}

/// A whole number or a fraction; the reference writes them differently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricValue {
    /// Counts, sizes, times.
    Whole(i64),
    /// Averages and probabilities.
    Fraction(f64),
}

impl Metric {
    /// A whole number. One beyond the range of an `i64` is shown as the greatest there is.
    pub fn whole(name: impl Into<Cow<'static, str>>, value: u64) -> Metric {
        let value = MetricValue::Whole(i64::try_from(value).unwrap_or(i64::MAX));
        Metric { name: name.into(), value }
    }

    /// A fraction.
    pub fn fraction(name: impl Into<Cow<'static, str>>, value: f64) -> Metric {
        Metric { name: name.into(), value: MetricValue::Fraction(value) }
    }

    /// The five figures of a summary: `avg_`, `min_`, `max_`, `cnt_` and `sum_` in front of `name`.
    pub fn summary(name: &str, samples: &Samples) -> [Metric; 5] {
        [
            Metric::fraction(format!("avg_{name}"), samples.average()),
            Metric::whole(format!("min_{name}"), samples.min),
            Metric::whole(format!("max_{name}"), samples.max),
            Metric::whole(format!("cnt_{name}"), samples.count),
            Metric::whole(format!("sum_{name}"), samples.total),
        ]
    }

    pub(super) fn line(&self) -> String {
        match self.value {
            MetricValue::Whole(value) => format!("zk_{}\t{value}\n", self.name),
            MetricValue::Fraction(value) => format!("zk_{}\t{}\n", self.name, java_text::double(value)),
        }
    }
}

/// The gauges every server reports, by the names of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gauges {
    /// Request latency in milliseconds.
    pub latency_ms: Samples,
    /// Packets received from clients.
    pub packets_received: u64,
    /// Packets sent to clients.
    pub packets_sent: u64,
    /// Open client connections.
    pub connections: u64,
    /// Requests in progress.
    pub outstanding: u64,
    /// Milliseconds since the server began to serve.
    pub uptime_ms: u64,
    /// Nodes as the reference counts them, the root twice.
    pub znodes: u64,
    /// Watches of data and children.
    pub watches: u64,
    /// Ephemeral nodes.
    pub ephemerals: u64,
    /// Bytes of paths and data.
    pub approximate_data_bytes: u64,
    /// Sessions known to the whole ensemble.
    pub global_sessions: u64,
    /// Sessions known to this server only.
    pub local_sessions: u64,
    /// File descriptors in use.
    pub open_files: u64,
    /// File descriptors allowed.
    pub max_files: u64,
    /// Chance that a new connection is dropped, 0 to 1.
    pub connection_drop_probability: f64,
    /// Bytes of the last reply; `None` before the first, shown as -1.
    pub last_response_bytes: Option<u64>,
    /// Bytes of the greatest reply.
    pub max_response_bytes: Option<u64>,
    /// Bytes of the smallest reply.
    pub min_response_bytes: Option<u64>,
    /// Failed authentications.
    pub auth_failed: u64,
}

impl Gauges {
    /// The gauges as metrics, the ones of features still to come at 0.
    pub fn metrics(&self) -> Vec<Metric> {
        let bytes = |name: &'static str, bytes: Option<u64>| match bytes {
            Some(bytes) => Metric::whole(name, bytes),
            None => Metric { name: name.into(), value: MetricValue::Whole(-1) },
        };
        vec![
            Metric::fraction("avg_latency", self.latency_ms.average()),
            Metric::whole("max_latency", self.latency_ms.max),
            Metric::whole("min_latency", self.latency_ms.min),
            Metric::whole("packets_received", self.packets_received),
            Metric::whole("packets_sent", self.packets_sent),
            Metric::whole("num_alive_connections", self.connections),
            Metric::whole("outstanding_requests", self.outstanding),
            Metric::whole("uptime", self.uptime_ms),
            Metric::whole("znode_count", self.znodes),
            Metric::whole("watch_count", self.watches),
            Metric::whole("ephemerals_count", self.ephemerals),
            Metric::whole("approximate_data_size", self.approximate_data_bytes),
            Metric::whole("global_sessions", self.global_sessions),
            Metric::whole("local_sessions", self.local_sessions),
            Metric::whole("open_file_descriptor_count", self.open_files),
            Metric::whole("max_file_descriptor_count", self.max_files),
            Metric::fraction("connection_drop_probability", self.connection_drop_probability),
            bytes("last_client_response_size", self.last_response_bytes),
            bytes("max_client_response_size", self.max_response_bytes),
            bytes("min_client_response_size", self.min_response_bytes),
            Metric::whole("outstanding_tls_handshake", 0),
            Metric::whole("auth_failed_count", self.auth_failed),
            Metric::whole("non_mtls_remote_conn_count", 0),
            Metric::whole("non_mtls_local_conn_count", 0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Gauges, Metric, Samples};

    #[test]
    fn fractions_have_a_point_and_whole_numbers_none() {
        assert_eq!(Metric::whole("uptime", 622).line(), "zk_uptime\t622\n");
        assert_eq!(Metric::fraction("avg_latency", 0.0).line(), "zk_avg_latency\t0.0\n");
        assert_eq!(Metric::whole("x", u64::MAX).line(), "zk_x\t9223372036854775807\n");
    }

    #[test]
    fn a_summary_has_its_five_figures() {
        let mut samples = Samples::default();
        [3, 0, 7].into_iter().for_each(|value| samples.record(value));
        let lines: String = Metric::summary("fsynctime", &samples).iter().map(Metric::line).collect();
        assert_eq!(
            lines,
            "zk_avg_fsynctime\t3.3333\nzk_min_fsynctime\t0\nzk_max_fsynctime\t7\nzk_cnt_fsynctime\t3\n\
             zk_sum_fsynctime\t10\n"
        );
    }

    #[test]
    fn merged_samples_equal_samples_recorded_together() {
        let (mut left, mut right, mut both) = (Samples::default(), Samples::default(), Samples::default());
        for value in [5, 9] {
            left.record(value);
            both.record(value);
        }
        for value in [2, 30] {
            right.record(value);
            both.record(value);
        }
        left.merge(&right);
        left.merge(&Samples::default());
        assert_eq!(left, both);
    }

    #[test]
    fn gauges_keep_the_reference_names() {
        let lines: String = Gauges::default().metrics().iter().map(Metric::line).collect();
        for line in ["zk_avg_latency\t0.0\n", "zk_znode_count\t0\n", "zk_last_client_response_size\t-1\n"] {
            assert!(lines.contains(line), "{line}");
        }
        assert_eq!(lines.lines().count(), 24);
    }
}
