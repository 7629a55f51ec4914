//! What the peer thread needs of the configuration.

use crate::config::{Config, Ensemble};
use std::collections::BTreeMap;
use std::time::Duration;
use zab::{Address, ServerId};

/// Room for what a packet has beyond a client's largest request: a forwarded request's header, a
/// transaction's, digests.
const SLACK_BYTES: usize = 64 << 10;

/// The peer thread's settings; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerSettings {
    /// Who this is.
    pub(crate) me: ServerId,
    /// The membership in force, and one that may come to be.
    pub(crate) members: zab::Config,
    pub(crate) last_seen: Option<zab::Config>,
    /// Where this server listens.
    pub(crate) own: Vec<Address>,
    /// Where clients of this server connect, if they can.
    pub(crate) client: Option<(String, u16)>,
    /// Where others listen for elections, and whether they vote.
    pub(crate) others: BTreeMap<ServerId, Other>,
    /// Whether the ports are bound on all addresses of the machine.
    pub(crate) listen_on_all: bool,
    /// Attempts to bind a port; 0 is for ever.
    pub(crate) bind_retry: u32,
    /// Time to connect to an election port.
    pub(crate) connect_ms: u64,
    /// Time for the first message on an election connection.
    pub(crate) hello_ms: u64,
    /// Time to connect to a leader.
    pub(crate) dial_ms: u64,
    /// Time for the first packet on a quorum link.
    pub(crate) first_packet_ms: u64,
    /// Whether election sockets are kept alive by TCP.
    pub(crate) keep_alive: bool,
    /// `TCP_NODELAY` on accepted links, and on dialed ones.
    pub(crate) no_delay: (bool, bool),
    /// Contents of a packet, bytes.
    pub(crate) packet_max: usize,
}

/// Another member, for elections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    /// Host and election port, all of them.
    pub(crate) addresses: Vec<(String, u16)>,
    /// Whether it votes.
    pub(crate) votes: bool,
}

impl PeerSettings {
    pub(crate) fn new(config: &Config, ensemble: &Ensemble) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2);
        let init_ms = ms(config.tick_time) * u64::from(ensemble.settings.init_limit);
        let limits = &config.limits;
        Self {
            me: ensemble.me,
            members: ensemble.members.clone(),
            last_seen: ensemble.last_seen.clone(),
            own: ensemble.own_addresses().to_vec(),
            client: config.client_port.as_ref().map(|client| {
                let everywhere = || "0.0.0.0".to_owned();
                (client.host.clone().unwrap_or_else(everywhere), client.port)
            }),
            others: others(ensemble.me, &ensemble.members, ensemble.last_seen.as_ref()),
            listen_on_all: ensemble.listen_on_all,
            bind_retry: ensemble.election_bind_retry,
            connect_ms: ms(ensemble.cnx_timeout),
            hello_ms: ms(ensemble.election_read_timeout),
            dial_ms: ms(ensemble.connect_timeout),
            first_packet_ms: init_ms,
            keep_alive: ensemble.tcp_keep_alive,
            no_delay: (ensemble.no_delay.leader, ensemble.no_delay.learner),
            packet_max: limits.jute_max_buffer + limits.jute_extra_size + SLACK_BYTES,
        }
    }

    /// The membership is another one now, or with `committed` false may come to be.
    pub(crate) fn set_membership(&mut self, config: zab::Config, committed: bool) {
        match committed {
            true => {
                self.last_seen = self.last_seen.take().filter(|seen| seen.version > config.version);
                self.members = config;
            }
            false => self.last_seen = Some(config),
        }
        self.others = others(self.me, &self.members, self.last_seen.as_ref());
        // A server that is no member any more stays where it was: it may be one again.
        if let Some(own) = self.members.members.get(&self.me) {
            self.own.clone_from(&own.addresses);
        }
    }

    /// What this server says of its election port.
    pub(crate) fn own_election_addresses(&self) -> Vec<(String, u16)> {
        self.own.iter().map(|address| (address.host.clone(), address.election_port)).collect()
    }
}

/// Members of the committed membership, and those of one that is perhaps not committed.
fn others(me: ServerId, members: &zab::Config, last_seen: Option<&zab::Config>) -> BTreeMap<ServerId, Other> {
    let mut others: BTreeMap<ServerId, Other> = BTreeMap::new();
    let configs = std::iter::once(members).chain(last_seen);
    for (id, member) in configs.flat_map(|config| &config.members).filter(|(id, _)| **id != me) {
        let other = others.entry(*id).or_insert(Other { addresses: Vec::new(), votes: false });
        other.votes |= member.role == zab::MemberRole::Participant;
        for address in &member.addresses {
            let address = (address.host.clone(), address.election_port);
            if !other.addresses.contains(&address) {
                other.addresses.push(address);
            }
        }
    }
    others
}
