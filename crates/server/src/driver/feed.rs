//! From bytes to frames to the connection, as far as the limits allow.

use crate::driver::shared::Shared;
use crate::driver::socket::Socket;
use node::{Flow, Turn};
use std::sync::atomic::Ordering;

/// What came of feeding a stretch of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fed {
    /// Bytes consumed.
    pub(crate) used: usize,
    /// The request throttle holds the rest back; nothing will announce when it may go on.
    pub(crate) stalled: bool,
}

/// Whether the next frame may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Serve,
    /// Answered with THROTTLEDOP instead.
    Refuse,
    /// Not before one of the connection's own replies.
    AwaitReply,
    Stall,
    HangUp,
}

/// What the frames of one socket read have in common.
pub(crate) struct Batch<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) turn: Turn<'a>,
}

impl Batch<'_> {
    /// Feeds frames until the connection has to wait, or only part of a frame is left.
    pub(crate) fn feed(&mut self, socket: &mut Socket, bytes: &[u8]) -> Fed {
        let max = self.shared.config.limits.jute_max_buffer;
        let mut fed = Fed { used: 0, stalled: false };
        while !socket.is_blocked() {
            let Some((length, rest)) = bytes[fed.used..].split_first_chunk::<4>() else { break };
            let length = i32::from_be_bytes(*length);
            let Some(length) = usize::try_from(length).ok().filter(|n| *n <= max) else {
                tracing::warn!(peer = %socket.peer, length, max, "frame length out of bounds; closing");
                socket.broken = true;
                break;
            };
            let Some(payload) = rest.get(..length) else { break };
            match self.gate(socket, payload) {
                Gate::Serve => self.serve(socket, payload),
                Gate::Refuse => socket.conn.refuse_throttled(payload, &mut self.turn),
                Gate::AwaitReply => socket.paused = true,
                Gate::Stall => fed.stalled = true,
                Gate::HangUp => socket.broken = true,
            }
            if socket.paused && socket.conn.has_session() || fed.stalled || socket.broken {
                break;
            }
            fed.used += 4 + length;
        }
        fed
    }

    fn serve(&mut self, socket: &mut Socket, payload: &[u8]) {
        let flow = socket.conn.on_frame(payload, &mut self.turn);
        socket.follow(flow);
        if flow == Flow::Close && !socket.conn.has_session() {
            let last = self.turn.view.tree.last_zxid();
            tracing::info!(peer = %socket.peer, server_zxid = %last, "handshake refused: unreadable, or the client has seen a newer zxid");
        }
    }

    fn gate(&self, socket: &mut Socket, payload: &[u8]) -> Gate {
        let shared = self.shared;
        if !socket.conn.has_session() {
            return if shared.admission.may_open(is_renewal(payload)) { Gate::Serve } else { Gate::HangUp };
        }
        let in_flight = shared.outstanding.load(Ordering::Relaxed) + self.turn.submit.len();
        if socket.conn.outstanding() > 0 && in_flight >= shared.config.limits.outstanding as usize {
            return Gate::AwaitReply;
        }
        if !shared.large_requests.admit(payload.len(), &mut socket.large_bytes) {
            tracing::warn!(peer = %socket.peer, bytes = payload.len(), "too many bytes of large requests in flight; closing");
            return Gate::HangUp;
        }
        self.throttle(socket, in_flight)
    }

    /// `request_throttle_*`: holds requests back while too many are in flight, those that
    /// have waited too long excepted.
    fn throttle(&self, socket: &mut Socket, in_flight: usize) -> Gate {
        let settings = &self.shared.config.request_throttle;
        if settings.max_requests.is_none_or(|max| in_flight < max as usize) {
            socket.stalled_since_ms = None;
            return Gate::Serve;
        }
        let since_ms = *socket.stalled_since_ms.get_or_insert(self.turn.now.monotonic_ms);
        let waited_ms = self.turn.now.monotonic_ms - since_ms;
        let timeout_ms = u64::from(socket.conn.stats().timeout_ms.unsigned_abs());
        if settings.drop_stale && settings.stale_latency_check && waited_ms > timeout_ms {
            return Gate::HangUp;
        }
        match settings.throttled_op_wait_time {
            Some(patience) if waited_ms >= patience.as_millis() as u64 => Gate::Refuse,
            _ => Gate::Stall,
        }
    }
}

/// Whether a connect request names a session, for the connection throttle's weights.
fn is_renewal(payload: &[u8]) -> bool {
    payload.get(16..24).is_some_and(|id| id.iter().any(|b| *b != 0))
}
