//! Packets, votes and entries in a few words, for traces.

use proto::peer::{Entry, Notification, Packet, PacketKind};
use proto::txn::decode_entry;
use proto::{OpCode, Zxid};
use zab::LinkId;

pub(crate) fn packet(packet: &Packet, link: LinkId) -> String {
    let Packet { kind, zxid, data, .. } = packet;
    let more = match (kind, data) {
        (PacketKind::Request, Some(data)) => proto::peer::packet::Forwarded::decode(data)
            .map_or(String::new(), |f| format!(" {:?} of {}/{}", OpCode::from_code(f.op), f.session, f.cxid)),
        (PacketKind::AckEpoch, Some(data)) => {
            format!(" current epoch {:?}", data.first_chunk::<4>().map(|b| i32::from_be_bytes(*b)))
        }
        (PacketKind::Ping, Some(data)) if !data.is_empty() => format!(" {} sessions", data.len() / 12),
        _ => String::new(),
    };
    format!("{kind:?} {zxid}{more} (link {})", link.0 / 2)
}

pub(crate) fn vote(vote: &Notification) -> String {
    let Notification { state, leader, zxid, round, epoch, .. } = vote;
    match *zxid {
        Zxid(i64::MIN) => format!("{state:?} round {round}, no vote"),
        _ => format!("{state:?} round {round}: n{leader} with {zxid} of epoch {epoch}"),
    }
}

pub(crate) fn entry(entry: &Entry) -> String {
    match decode_entry(entry) {
        Ok((header, txn, _)) => {
            let mut text = format!(" {}/{} {txn:?}", header.client_id, header.cxid);
            if text.len() > 120 {
                text = text.chars().take(117).chain("...".chars()).collect();
            }
            text
        }
        Err(error) => format!(" {error}"),
    }
}
