//! What a server says once the session is up: replies, events, heartbeats.
//!
//! Anything that does not fit what was sent ends the connection: the queue of what waits and the server's
//! order are then not the same, and guessing would hand replies to the wrong requests (HC-152).

use super::ending::Ending;
use super::io::{Effect, Notice, Output, Reply};
use super::link::Pending;
use super::watches::WatchKind;
use super::{Phase, Session};
use crate::Error;
use crate::event::WatchedEvent;
use proto::request::xid;
use proto::response::ReplyHeader;
use proto::watch::{EventType, WatcherEvent, WatcherKind};
use proto::{ErrorCode, Reader, Wire, Zxid};
use std::time::Duration;

/// The server broke the protocol.
struct Violation;

impl<T> Session<T> {
    pub(super) fn on_frame(&mut self, now: Duration, payload: &[u8], out: &mut Vec<Output<T>>) {
        match self.phase {
            Phase::Greeting { .. } => return self.on_greeted(now, payload, out),
            Phase::Up { .. } => {}
            Phase::Waiting { .. } | Phase::Dialing { .. } | Phase::Over(_) => return,
        }
        self.last_heard = now;
        self.backoff.reset();
        let mut reader = Reader::new(payload);
        let understood =
            ReplyHeader::decode(&mut reader).map_err(|_| Violation).and_then(|header| match header.xid {
                xid::PING => Ok(()),
                xid::NOTIFICATION => self.on_event(header, &mut reader, out),
                xid::AUTH => self.on_auth_reply(header, out),
                xid::SET_WATCHES => self.on_resumed(now, header, out),
                _ => self.on_reply(now, header, reader, out),
            });
        if understood.is_err() {
            tracing::warn!("the server broke the protocol; dropped the connection");
            self.hang_up(now, out);
        }
    }

    fn on_event(
        &mut self,
        header: ReplyHeader,
        reader: &mut Reader<'_>,
        out: &mut Vec<Output<T>>,
    ) -> Result<(), Violation> {
        let event = WatcherEvent::decode(reader).map_err(|_| Violation)?;
        let kinds = [
            EventType::NodeCreated,
            EventType::NodeDeleted,
            EventType::NodeDataChanged,
            EventType::NodeChildrenChanged,
        ];
        // Kinds we do not know are about watches we cannot have set.
        let Some(kind) = kinds.into_iter().find(|kind| *kind as i32 == event.kind) else { return Ok(()) };
        let zxid = (header.zxid > Zxid::ZERO).then_some(header.zxid);
        for id in self.watches.fire(kind, &event.path) {
            let event = WatchedEvent { kind, path: event.path.clone(), zxid };
            out.push(Output::Notify(id, Notice::Event(event)));
        }
        Ok(())
    }

    fn on_auth_reply(&mut self, header: ReplyHeader, out: &mut Vec<Output<T>>) -> Result<(), Violation> {
        let Phase::Up { link, .. } = &mut self.phase else { return Ok(()) };
        let index = link.auths.pop_front().ok_or(Violation)?;
        if header.err != ErrorCode::Ok.code() {
            self.end(Ending::AuthFailed, out);
            return Ok(());
        }
        if let Some(token) = self.auth[index].token.take() {
            out.push(Output::Complete(token, Ok(Reply { body: Vec::new(), zxid: header.zxid })));
        }
        Ok(())
    }

    /// Watches are set again. One-shot ones have fired if anything had changed. The lasting ones missed
    /// whatever was applied since we last heard of anything: when nothing was, there is no gap.
    fn on_resumed(
        &mut self,
        now: Duration,
        header: ReplyHeader,
        out: &mut Vec<Output<T>>,
    ) -> Result<(), Violation> {
        let Phase::Up { link, .. } = &mut self.phase else { return Ok(()) };
        let lasting = link.resumed.pop_front().ok_or(Violation)?;
        if header.err != ErrorCode::Ok.code() {
            return Err(Violation);
        }
        let is_gapless = header.zxid == link.resumed_at;
        for (kind, path) in lasting {
            let watchers = self.watches.watchers(kind, &path);
            if !is_gapless {
                out.extend(watchers.iter().map(|id| Output::Notify(*id, Notice::Gap)));
            }
            // The last of them may have gone since they were put into the packet.
            self.tidy(now, kind, &path, out);
        }
        self.saw(header.zxid);
        Ok(())
    }

    fn on_reply(
        &mut self,
        now: Duration,
        header: ReplyHeader,
        reader: Reader<'_>,
        out: &mut Vec<Output<T>>,
    ) -> Result<(), Violation> {
        let Phase::Up { link, .. } = &mut self.phase else { return Ok(()) };
        if link.pending.front().is_none_or(|first| first.xid != header.xid) {
            return Err(Violation);
        }
        let Some(pending) = link.pending.pop_front() else { return Err(Violation) };
        self.saw(header.zxid);
        let Pending { sequence, token, deadline, effect, .. } = pending;
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, sequence));
        }
        if effect == Effect::Close {
            self.end(Ending::Closed, out);
            return Ok(());
        }
        self.apply(now, effect, header.err, out);
        if let Some(token) = token {
            let result = if header.err == ErrorCode::Ok.code() {
                Ok(Reply { body: reader.rest().to_vec(), zxid: header.zxid })
            } else {
                Err(Error::from_code(header.err))
            };
            out.push(Output::Complete(token, result));
        }
        Ok(())
    }

    /// Changes the table of watches as the server has changed its own.
    fn apply(&mut self, now: Duration, effect: Effect, err: i32, out: &mut Vec<Output<T>>) {
        let is_ok = err == ErrorCode::Ok.code();
        let is_missing = err == ErrorCode::NoNode.code();
        match effect {
            Effect::Watch { id, by, path, wanted } => {
                let kind = by.kind(is_ok);
                let is_set = is_ok || (is_missing && kind == WatchKind::Exist);
                match is_set {
                    true if wanted => self.watches.insert(id, kind, &path),
                    true => self.tidy(now, kind, &path, out),
                    false => {}
                }
            }
            Effect::Unwatch { path, kind } if is_ok => {
                for id in self.watches.remove_kind(&path, kind) {
                    out.push(Output::Notify(id, Notice::Removed));
                }
            }
            // Servers before 3.9 cannot remove one lasting kind alone.
            Effect::Tidy { path, kind } if err == ErrorCode::MarshallingError.code() => {
                if kind != WatcherKind::Any
                    && self.is_unwatched(&path)
                    && let Phase::Up { link, .. } = &mut self.phase
                {
                    link.remove_watch(now, &path, WatcherKind::Any, out);
                }
            }
            Effect::None | Effect::Unwatch { .. } | Effect::Tidy { .. } | Effect::Close => {}
        }
    }

    /// Remembers the newest transaction: no server that is behind it will do from now on (HC-149).
    fn saw(&mut self, zxid: Zxid) {
        self.last_zxid = self.last_zxid.max(zxid);
    }
}
