//! What a member hands to its log: broadcast by one primary, in its order, without gaps.

use super::{Checks, Context};
use proto::Zxid;
use proto::peer::Entry;
use std::sync::Arc;

/// Whether a transaction may stand right behind another in a log.
fn follows(last: Zxid, next: Zxid) -> bool {
    let same_epoch = next.epoch() == last.epoch() && next.counter() == last.counter() + 1;
    same_epoch || (next.epoch() > last.epoch() && next.counter() == 1)
}

impl Checks {
    pub(crate) fn on_append(&mut self, host: usize, zxid: Zxid, entry: &Entry, context: &mut Context<'_>) {
        let last = context.hosts[host].known.last();
        let name = context.hosts[host].name.clone();
        context.require("LogContiguity", follows(last, zxid), || format!("{name} logs {zxid} after {last}"));
        context.hosts[host].known.log.push(zxid);
        match self.proposed.get(&zxid) {
            Some(first) => {
                let same = Arc::ptr_eq(first, entry) || first == entry;
                context.require("Integrity", same, || {
                    format!("{name} logs {zxid} with other contents than it was broadcast with")
                });
            }
            None => self.on_broadcast(host, zxid, entry, &name, context),
        }
    }

    /// Nobody has seen this transaction before: only an established primary may make it up.
    fn on_broadcast(
        &mut self,
        host: usize,
        zxid: Zxid,
        entry: &Entry,
        name: &str,
        context: &mut Context<'_>,
    ) {
        context.require("Integrity", context.hosts[host].is_leading(), || {
            format!("{name} logs {zxid}, which nobody broadcast")
        });
        if let Some((last, _)) = self.proposed.range(..zxid).next_back()
            && last.epoch() == zxid.epoch()
        {
            let next = follows(*last, zxid);
            context.require("LocalPrimaryOrder", next, || format!("{name} broadcasts {zxid} after {last}"));
        }
        let led = self.leads[host];
        context.require("PrimaryIntegrity", led.is_none_or(|epoch| epoch == zxid.epoch()), || {
            format!("{name} broadcasts {zxid} and leads epoch {led:?}")
        });
        let earlier = context.reference.last_before(zxid.epoch());
        let known = &context.hosts[host].known;
        let has = earlier <= known.log_from || known.log.binary_search(&earlier).is_ok();
        context.require("PrimaryIntegrity", has, || {
            format!("{name} broadcasts {zxid} without having {earlier}, which is committed")
        });
        self.check_expiry(host, zxid, entry, context);
        self.proposed.insert(zxid, entry.clone());
    }
}
