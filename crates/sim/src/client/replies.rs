//! What a client checks in each reply: its place, its order, and that it shows what was there.

use super::{After, Ask, Client, Surroundings, Waiting};
use crate::reference::model::Znode;
use proto::multi::{MultiResult, decode_results};
use proto::request::xid;
use proto::response::ReplyHeader;
use proto::stat::Stat;
use proto::txn::Txn;
use proto::watch::WatcherEvent;
use proto::{ErrorCode, Reader, Wire, Zxid};
use std::collections::BTreeSet;

type Checked = Result<(), (&'static str, String)>;

fn wrong<T>(check: &'static str, what: String) -> Result<T, (&'static str, String)> {
    Err((check, what))
}

impl Client {
    pub(super) fn on_reply(&mut self, payload: &[u8], around: &mut Surroundings<'_>) -> After {
        let mut from = Reader::new(payload);
        match self.read_reply(&mut from, around) {
            Ok(after) => after,
            Err((check, what)) => {
                let what = format!("{} (session {}): {what}", self.name, self.session);
                around.verdict.fail(around.now, check, what);
                After::Drop
            }
        }
    }

    fn read_reply(
        &mut self,
        from: &mut Reader<'_>,
        around: &mut Surroundings<'_>,
    ) -> Result<After, (&'static str, String)> {
        let unreadable = |error: proto::DecodeError| ("Protocol", error.to_string());
        let header = ReplyHeader::decode(from).map_err(unreadable)?;
        if header.xid == xid::NOTIFICATION {
            let event = WatcherEvent::decode(from).map_err(unreadable)?;
            let model = &around.reference.model;
            let told = self.watched.on_event(event.kind, &event.path, header.zxid, model);
            return told.map(|()| After::GoOn).map_err(|what| ("Watch", what));
        }
        self.check_zxid(&header, around)?;
        match header.xid {
            xid::PING => return Ok(After::GoOn),
            xid::SET_WATCHES => {
                self.watched.rearmed(header.zxid);
                return Ok(After::GoOn);
            }
            _ => {}
        }
        let Some(waiting) = self.waiting.pop_front() else {
            return wrong("FifoClient", format!("reply {} to nothing", header.xid));
        };
        if waiting.xid != header.xid {
            return wrong("FifoClient", format!("reply {} came before {}", header.xid, waiting.xid));
        }
        self.answered += 1;
        if header.err == ErrorCode::SessionExpired.code() {
            around.reference.refused(self.session, header.xid);
            self.sessions_lost += 1;
            self.forget_session();
            return Ok(After::Drop);
        }
        if waiting.ask.is_write() {
            self.check_write(&waiting, &header, from, around)?;
        } else {
            self.check_read(&waiting, &header, from, around)?;
        }
        self.watched
            .check_reply(header.zxid, &around.reference.model)
            .map_err(|what| ("WatchOrder", what))?;
        Ok(if waiting.ask == Ask::Close {
            self.forget_session();
            After::Drop
        } else {
            After::GoOn
        })
    }

    /// The state a session is shown never goes back, never is one nobody agreed on, and never one after
    /// its own end.
    fn check_zxid(&mut self, header: &ReplyHeader, around: &Surroundings<'_>) -> Checked {
        let zxid = header.zxid;
        if zxid <= Zxid::ZERO {
            return Ok(());
        }
        if zxid < self.last_seen {
            return wrong("SingleSystemImage", format!("shown {zxid} after {}", self.last_seen));
        }
        if zxid > around.newest {
            return wrong("ReadValidity", format!("shown {zxid}, committed is {}", around.newest));
        }
        let ended = around.reference.sessions.get(&self.session).and_then(|life| life.ended);
        if ended.is_some_and(|ended| ended < zxid) && header.err == 0 && header.xid > 0 {
            return wrong("Session", format!("served at {zxid} after its end at {ended:?}"));
        }
        self.last_seen = zxid;
        if header.xid == xid::PING {
            let told = self.watched.check_reply(zxid, &around.reference.model);
            return told.map_err(|what| ("WatchOrder", what));
        }
        Ok(())
    }

    fn check_write(
        &mut self,
        waiting: &Waiting,
        header: &ReplyHeader,
        from: &mut Reader<'_>,
        around: &mut Surroundings<'_>,
    ) -> Checked {
        let committed = around.reference.find(header.zxid);
        let own = committed.filter(|c| c.header.client_id == self.session && c.header.cxid == waiting.xid);
        let Some(own) = own else {
            // Refused without a transaction: by the connection, or by a session's end.
            if header.err != 0 {
                around.reference.refused(self.session, waiting.xid);
                return Ok(());
            }
            return wrong(
                "LostWrite",
                format!("{:?} acknowledged as {}, not committed", waiting.ask, header.zxid),
            );
        };
        let code = if let Txn::Error(code) = own.txn { code } else { 0 };
        if code != header.err {
            return wrong(
                "LostWrite",
                format!("{} says {}, its transaction {code}", header.zxid, header.err),
            );
        }
        if header.zxid <= waiting.floor {
            let what = format!("{} was sent after {} was acknowledged", header.zxid, waiting.floor);
            return wrong("LinearizableWrites", what);
        }
        *around.acked = header.zxid.max(*around.acked);
        if code != 0 {
            return Ok(());
        }
        self.check_result(waiting, header, from, &own.txn, around)
    }

    /// What the reply says about the node must be what the transaction did.
    fn check_result(
        &self,
        waiting: &Waiting,
        header: &ReplyHeader,
        from: &mut Reader<'_>,
        txn: &Txn,
        around: &Surroundings<'_>,
    ) -> Checked {
        let unreadable = |error: proto::DecodeError| ("Protocol", error.to_string());
        let model = &around.reference.model;
        let stat_is = |path: &str, stat: Stat| {
            let there = model.at(path, header.zxid).map(shown);
            match there == Some(stat) {
                true => Ok(()),
                false => wrong("WriteResult", format!("{path} at {}: {stat:?}, not {there:?}", header.zxid)),
            }
        };
        match (&waiting.ask, txn) {
            (Ask::Create { with_stat, .. }, Txn::Create(_, t)) => {
                let path = String::decode(from).map_err(unreadable)?;
                if path != t.path {
                    return wrong("WriteResult", format!("created {}, told {path}", t.path));
                }
                if *with_stat { stat_is(&path, Stat::decode(from).map_err(unreadable)?) } else { Ok(()) }
            }
            (Ask::Set { path, .. }, _) => stat_is(path, Stat::decode(from).map_err(unreadable)?),
            (Ask::Multi(asks), Txn::Multi(parts)) => {
                let results = decode_results(from).map_err(unreadable)?;
                let failed = parts.iter().any(|part| matches!(part, Txn::Error(_)));
                let fits = |(result, part): (&MultiResult, &Txn)| match (result, part) {
                    (MultiResult::Error(told), Txn::Error(code)) => told == code,
                    (MultiResult::Error(0), _) => failed,
                    (MultiResult::Create(told) | MultiResult::Create2(told, _), Txn::Create(_, t)) => {
                        *told == t.path
                    }
                    (MultiResult::Delete, Txn::Delete(..)) | (MultiResult::Check, Txn::Check(_)) => true,
                    (MultiResult::SetData(stat), Txn::SetData(_, t)) => stat.version == t.version,
                    _ => false,
                };
                match results.len() == asks.len() && results.iter().zip(parts).all(fits) {
                    true => Ok(()),
                    false => wrong("WriteResult", format!("{parts:?} was told as {results:?}")),
                }
            }
            _ => Ok(()),
        }
    }

    fn check_read(
        &mut self,
        waiting: &Waiting,
        header: &ReplyHeader,
        from: &mut Reader<'_>,
        around: &Surroundings<'_>,
    ) -> Checked {
        let unreadable = |error: proto::DecodeError| ("Protocol", error.to_string());
        let (model, zxid) = (&around.reference.model, header.zxid);
        let ok = header.err == 0;
        let path = match &waiting.ask {
            Ask::Get { path, .. } | Ask::Exists { path, .. } | Ask::Children { path, .. } => path,
            Ask::Sync => return check_sync(waiting, header, around),
            _ => return Ok(()),
        };
        let node = model.at(path, zxid);
        if header.err != if node.is_some() { 0 } else { ErrorCode::NoNode.code() } {
            let what = format!("{:?} at {zxid} answered {}, there is {node:?}", waiting.ask, header.err);
            return wrong("ReadValidity", what);
        }
        match &waiting.ask {
            Ask::Exists { watch: true, .. } => self.watched.arm_data(path, zxid, !ok),
            Ask::Get { watch: true, .. } if ok => self.watched.arm_data(path, zxid, false),
            Ask::Children { watch: true, .. } if ok => self.watched.arm_child(path, zxid),
            _ => {}
        }
        let Some(node) = node else { return Ok(()) };
        let same = match &waiting.ask {
            Ask::Get { .. } => from.buffer().map_err(unreadable)?.unwrap_or_default() == node.data,
            Ask::Children { .. } => {
                let names = Vec::<String>::decode(from).map_err(unreadable)?;
                let mut expected = model.children_at(path, zxid);
                if path == "/" {
                    expected.insert("zookeeper");
                }
                names.len() == expected.len()
                    && names.iter().map(String::as_str).collect::<BTreeSet<_>>() == expected
            }
            _ => true,
        };
        let stat = Stat::decode(from).map_err(unreadable)?;
        match same && stat == shown(node) {
            true => Ok(()),
            false => {
                wrong("ReadValidity", format!("{:?} at {zxid}: {stat:?}, there is {node:?}", waiting.ask))
            }
        }
    }
}

/// What the server shows of a node's metadata.
fn shown(node: &Znode) -> Stat {
    node.stat
}

/// After a sync everything acknowledged before it is visible, as long as nobody was deposed meanwhile.
fn check_sync(waiting: &Waiting, header: &ReplyHeader, around: &Surroundings<'_>) -> Checked {
    let stable = waiting.reign.is_some() && waiting.reign == around.reign;
    if header.err == 0 && stable && header.zxid > Zxid::ZERO && header.zxid < waiting.floor {
        return wrong(
            "Sync",
            format!("sync ended at {}, acknowledged before it was {}", header.zxid, waiting.floor),
        );
    }
    Ok(())
}
