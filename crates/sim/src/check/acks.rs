//! What a member says about itself must be on its disk when it says so.

use super::{Checks, Context};
use crate::host::Host;
use crate::queue::Time;
use crate::trace::Verdict;
use node::Role;
use proto::Zxid;
use proto::peer::{Notification, Packet, PacketKind, PeerState};

impl Checks {
    /// A packet leaves.
    pub(crate) fn on_send(&mut self, host: usize, packet: &Packet, context: &mut Context<'_>) {
        let machine = &context.hosts[host];
        let durable = &machine.disk.durable;
        let (last, (accepted, current)) = (durable.last(), machine.disk.epochs());
        let (zxid, name) = (packet.zxid, &machine.name);
        let learns = matches!(machine.known.role, Role::Following(_) | Role::Observing(_));
        let wrong = match packet.kind {
            PacketKind::Ack if learns && zxid.counter() > 0 => {
                let entry = self.proposed.get(&zxid);
                let holds = entry.is_some_and(|entry| durable.holds(zxid, entry));
                (!holds).then(|| format!("{name} acknowledges {zxid}, its disk ends at {last}"))
            }
            PacketKind::Ack if learns => {
                let synced_to = machine.known.synced_to;
                let holds = current == zxid.epoch() && last >= synced_to;
                (!holds).then(|| {
                    format!(
                        "{name} acknowledges epoch {}, its disk says {current} and ends at {last} of {synced_to}",
                        zxid.epoch()
                    )
                })
            }
            PacketKind::AckEpoch if zxid > last => {
                Some(format!("{name} claims to have {zxid}, its disk ends at {last}"))
            }
            PacketKind::AckEpoch if accepted < machine.known.promised => {
                let promised = machine.known.promised;
                Some(format!("{name} accepts epoch {promised}, its disk says {accepted}"))
            }
            PacketKind::LeaderInfo if accepted < zxid.epoch() => {
                Some(format!("{name} proposes epoch {}, its disk says {accepted}", zxid.epoch()))
            }
            _ => None,
        };
        if let Some(what) = wrong {
            context.fail("DurableAck", what);
        }
    }

    /// A vote leaves: for itself, a member may only claim what its disk holds.
    pub(crate) fn on_vote(
        &mut self,
        host: usize,
        vote: &Notification,
        hosts: &mut [Host],
        verdict: &mut Verdict,
        now: Time,
    ) {
        let machine = &hosts[host];
        if vote.state != PeerState::Looking || vote.leader != machine.id.0 || !machine.votes {
            return;
        }
        let (last, (_, current)) = (machine.disk.last(), machine.disk.epochs());
        let within = vote.zxid <= last && vote.epoch <= i64::from(current);
        verdict.require(now, "MemoryWithinDisk", within, || {
            let (name, zxid, epoch) = (&machine.name, vote.zxid, vote.epoch);
            format!("{name} votes with {zxid} of epoch {epoch}, its disk ends at {last}, epoch {current}")
        });
    }

    /// Something has become durable, or a crash has decided what did.
    pub(crate) fn on_durable(&mut self, host: usize, context: &mut Context<'_>) {
        let machine = &mut context.hosts[host];
        let (accepted, current) = machine.disk.epochs();
        let last: Zxid = machine.disk.last();
        if machine.amnesia.is_some_and(|forgotten| last >= forgotten) {
            machine.amnesia = None;
        }
        let before = std::mem::replace(&mut self.epochs[host], (accepted, current));
        let name = machine.name.clone();
        let grow = accepted >= before.0 && current >= before.1;
        context.require("EpochFiles", grow, || {
            format!("{name}: epochs went from {before:?} to {:?}", (accepted, current))
        });
        context.require("EpochFiles", current <= accepted, || {
            format!("{name}: current epoch {current}, accepted epoch {accepted}")
        });
        context.require("EpochFiles", last.0 < 0 || last.epoch() <= accepted, || {
            format!("{name}: the log ends at {last}, accepted epoch {accepted}")
        });
    }
}
