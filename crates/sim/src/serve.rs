//! The server's end of clients' connections, as the event loops do it: mail before frames, frames in
//! order, submissions to the node after the frames of one read.

use crate::net::{Message, TcpId};
use crate::queue::Time;
use crate::world::{Event, World};
use node::{ConnId, Connection, Flow, Input, Turn, What};
use std::net::{IpAddr, Ipv4Addr};

use crate::host::Serving;

impl World {
    /// A client has connected.
    pub(crate) fn accept(&mut self, host: usize, tcp: TcpId) {
        let Some(process) = &mut self.hosts[host].process else { return };
        let conn = ConnId(u64::from(tcp));
        let connection = Connection::new(conn, IpAddr::V4(Ipv4Addr::LOCALHOST));
        let serving = Serving {
            connection,
            input: Vec::new(),
            paused: false,
            mail: Default::default(),
            mail_due: false,
        };
        process.conns.insert(conn, serving);
    }

    /// The node hands something to a connection, which takes it a moment later, or before it looks at
    /// its next frame.
    pub(crate) fn deliver(&mut self, host: usize, conn: ConnId, what: What) {
        let boot = self.hosts[host].boots;
        let Some(process) = &mut self.hosts[host].process else { return };
        let Some(serving) = process.conns.get_mut(&conn) else { return };
        serving.mail.push_back(what);
        if !std::mem::replace(&mut serving.mail_due, true) {
            let delay: Time = self.rng.exponential(self.plan.mail_delay);
            self.queue.after(delay, Event::Mail { host: host as u8, boot, conn });
        }
    }

    pub(crate) fn take_mail(&mut self, host: usize, conn: ConnId) {
        let now = self.now_at(host);
        let Some(process) = &mut self.hosts[host].process else { return };
        let Some(serving) = process.conns.get_mut(&conn) else { return };
        serving.mail_due = false;
        let mut out = Vec::new();
        let mut flow = Flow::Continue;
        let had_mail = !serving.mail.is_empty();
        while let Some(what) = serving.mail.pop_front() {
            serving.paused = false;
            flow = serving.connection.on_delivery(now, what, &mut out);
            if flow == Flow::Close {
                break;
            }
        }
        self.answer(host, conn, out);
        match flow {
            Flow::Close => self.hang_up(host, conn),
            _ if had_mail => self.feed(host, conn),
            _ => {}
        }
    }

    fn answer(&mut self, host: usize, conn: ConnId, out: Vec<u8>) {
        let _ = host;
        let tcp = conn.0 as TcpId;
        if !out.is_empty() && self.net.tcps[tcp as usize].open[1] {
            self.transmit(tcp, 1, Message::Frames(out));
        }
    }

    /// The server closes a connection.
    fn hang_up(&mut self, host: usize, conn: ConnId) {
        let tcp = conn.0 as TcpId;
        if std::mem::replace(&mut self.net.tcps[tcp as usize].open[1], false) {
            self.transmit(tcp, 1, Message::Fin);
        }
        self.client_gone(host, tcp);
    }

    /// A client's connection is gone.
    pub(crate) fn client_gone(&mut self, host: usize, tcp: TcpId) {
        let conn = ConnId(u64::from(tcp));
        let Some(process) = &mut self.hosts[host].process else { return };
        if process.conns.remove(&conn).is_some() {
            self.inbox.push_back((host, Input::Disconnected(conn)));
        }
    }

    pub(crate) fn on_request_bytes(&mut self, tcp: TcpId, host: usize, message: Message) {
        let conn = ConnId(u64::from(tcp));
        let Message::Frames(bytes) = message else {
            self.net.tcps[tcp as usize].open[1] = false;
            return self.client_gone(host, tcp);
        };
        if let Some(process) = &mut self.hosts[host].process
            && let Some(serving) = process.conns.get_mut(&conn)
        {
            serving.input.extend_from_slice(&bytes);
            self.take_mail(host, conn);
            self.feed(host, conn);
        }
    }

    /// Feeds complete frames to the connection, then submits what only the node can decide.
    fn feed(&mut self, host: usize, conn: ConnId) {
        let now = self.now_at(host);
        let is_leading = self.hosts[host].is_leading();
        let Some(process) = &mut self.hosts[host].process else { return };
        let Some(serving) = process.conns.get_mut(&conn) else { return };
        let (mut out, mut submit) = (Vec::new(), Vec::new());
        let mut at = 0;
        let mut flow = Flow::Continue;
        let view = process.store.view();
        while flow == Flow::Continue && !serving.paused {
            let rest = &serving.input[at..];
            let Some(len) = rest.first_chunk::<4>().map(|b| u32::from_be_bytes(*b) as usize) else { break };
            let Some(payload) = rest.get(4..4 + len) else { break };
            let mut turn = Turn { now, view: &view, out: &mut out, submit: &mut submit };
            flow = serving.connection.on_frame(payload, &mut turn);
            serving.paused |= flow == Flow::Pause;
            at += 4 + len;
        }
        drop(view);
        serving.input.drain(..at);
        let touched = serving.connection.touch(now, self.plan.tick_ms);
        let session = serving.connection.stats().session;
        if at > 0 {
            self.checks.seen(session, self.queue.now());
        }
        if is_leading && at > 0 {
            self.checks.heard(host, session, self.queue.now());
        }
        self.answer(host, conn, out);
        for submission in submit {
            self.step(host, Input::Submit(submission));
        }
        if let Some(session) = touched {
            self.step(host, Input::Touched(session));
        }
        if flow == Flow::Close {
            self.hang_up(host, conn);
        }
    }
}
