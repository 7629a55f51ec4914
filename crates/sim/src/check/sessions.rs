//! Sessions expire after their timeout, and not before.

use super::{Checks, Context};
use crate::queue::{MS, Time};
use proto::peer::{Entry, Packet, PacketKind};
use proto::txn::{Txn, decode_entry};
use proto::{Reader, SessionId, Zxid};

impl Checks {
    /// The leader has heard from a session.
    pub(crate) fn heard(&mut self, host: usize, session: SessionId, now: Time) {
        self.heard.insert((host, session), now);
    }

    /// Any member has.
    pub(crate) fn seen(&mut self, session: SessionId, now: Time) {
        self.seen.insert(session, now);
    }

    /// A learner tells its leader of sessions.
    pub(super) fn hear_of(&mut self, host: usize, packet: &Packet, now: Time) {
        let mut from = Reader::new(packet.data.as_deref().unwrap_or_default());
        while let Ok(session) = from.i64() {
            self.heard.insert((host, SessionId(session)), now);
            if packet.kind != PacketKind::Ping || from.i32().is_err() {
                break;
            }
        }
    }

    /// A leader ends a session of its own accord: its timeout must have passed since it heard of it, on
    /// its clock, which may run a tenth fast.
    pub(super) fn check_expiry(&mut self, host: usize, zxid: Zxid, entry: &Entry, context: &mut Context<'_>) {
        let Ok((header, txn, _)) = decode_entry(entry) else { return };
        let session = header.client_id;
        if let Txn::CreateSession(_) = txn {
            self.heard.insert((host, session), context.now);
            self.seen.insert(session, context.now);
        }
        if !matches!(txn, Txn::CloseSession(_)) || header.cxid != 0 {
            return;
        }
        let timeout = context.reference.tree().sessions().find(|(id, _)| *id == session);
        let (Some((_, timeout_ms)), Some(heard)) = (timeout, self.heard.get(&(host, session))) else {
            return;
        };
        let silence = context.now - heard;
        let allowed = u64::from(timeout_ms.unsigned_abs()) * MS * 10 / 11;
        context.require("ExpiryBound", silence + 2 * MS >= allowed, || {
            format!("{zxid} ends session {session} of {timeout_ms} ms, heard of {} ms ago", silence / MS)
        });
    }

    /// Sessions that should be gone by now: nobody has heard of them for long.
    pub(super) fn overdue(&self, session: SessionId, timeout_ms: i32, slack: Time, now: Time) -> bool {
        let seen = self.seen.get(&session).copied().unwrap_or(0);
        now - seen > u64::from(timeout_ms.unsigned_abs()) * MS * 10 / 9 + slack
    }
}
