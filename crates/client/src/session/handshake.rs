//! Coming to be in session: the first flight, and the server's answer.
//!
//! The first flight holds the session, all credentials and all watches; requests wait for the answer, so
//! that they certainly did not happen when the session turns out to be gone.
//!
//! //= java: ClientCnxn.SendThread.primeConnection, onConnected

use super::ending::Ending;
use super::io::Output;
use super::link::Link;
use super::{Phase, Probing, Session, resume};
use crate::state::{Connection, Credentials, SessionState};
use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::frame;
use proto::{Reader, SessionId, Wire, session};
use std::time::Duration;

/// Pause before the first look for a writable server.
const PROBE_FIRST: Duration = Duration::from_millis(100);

impl<T> Session<T> {
    pub(super) fn dial(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.generation += 1;
        self.phase = Phase::Dialing { until: now + self.settings.attempt_timeout };
        out.push(Output::Dial { generation: self.generation });
    }

    pub(super) fn on_connected(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        let Phase::Dialing { until } = self.phase else { return };
        let mut link = Link::new(now, self.last_zxid);
        link.put(now, self.greeting(), out);
        for (index, auth) in self.auth.iter().enumerate() {
            link.send_auth(now, index, &auth.scheme, &auth.data, out);
        }
        for batch in resume::batches(&self.watches, self.last_zxid) {
            link.resumed.push_back(batch.lasting);
            link.put(now, batch.frame, out);
        }
        self.phase = Phase::Greeting { until, link };
    }

    fn greeting(&self) -> Vec<u8> {
        let nobody = [0; session::PASSWORD_LEN];
        let (session_id, password) = match &self.identity {
            Some(known) => (known.session_id, &known.password[..]),
            None => (SessionId::NONE, &nobody[..]),
        };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout_ms: i32::try_from(self.settings.session_timeout.as_millis()).unwrap_or(i32::MAX),
            session_id,
            password: Some(password),
            read_only: Some(self.settings.read_only),
        };
        let mut bytes = Vec::new();
        frame(&mut bytes, |out| request.encode(out));
        bytes
    }

    pub(super) fn on_greeted(&mut self, now: Duration, payload: &[u8], out: &mut Vec<Output<T>>) {
        let Ok(response) = ConnectResponse::decode(&mut Reader::new(payload)) else {
            return self.hang_up(now, out);
        };
        if response.timeout_ms <= 0 {
            return match self.identity {
                Some(_) => self.end(Ending::Expired, out),
                // Nothing was lost: this server does not grant a new session now, another one may.
                None => self.hang_up(now, out),
            };
        }
        let read_only = response.read_only.unwrap_or(false);
        let granted = Credentials { session_id: response.session_id, password: response.password };
        match &self.identity {
            // What a read-only server grants is known to itself alone.
            _ if read_only => {}
            None => self.identity = Some(granted.clone()),
            Some(known) if known.session_id == granted.session_id => {}
            // Another session than asked for: this cannot be a server of ours.
            Some(_) => return self.hang_up(now, out),
        }
        self.timeout = Duration::from_millis(u64::from(response.timeout_ms.unsigned_abs()));
        self.last_heard = now;
        let probing = read_only.then(|| Probing { next: now + PROBE_FIRST, pause: PROBE_FIRST });
        let before = std::mem::replace(&mut self.phase, Phase::Waiting { until: now });
        let Phase::Greeting { mut link, .. } = before else { return };
        out.push(Output::State(SessionState::Connected(Connection {
            session_id: granted.session_id,
            timeout: self.timeout,
            read_only,
            generation: self.generation,
        })));
        for unsent in self.unsent.drain(..) {
            link.send(now, unsent, out);
        }
        if self.closing.is_some() {
            link.send_close(now, out);
        }
        self.phase = Phase::Up { link, probing };
    }
}
