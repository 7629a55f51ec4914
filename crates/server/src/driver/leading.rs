//! A leader's figures that the node does not keep: since when it leads, and how large its proposals were.

use crate::fourletter::ProposalSizes;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written by whoever steps the node, read by the desk.
#[derive(Debug, Default)]
pub(crate) struct LeadingFigures {
    leads: AtomicBool,
    figures: Mutex<Figures>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    since_ms: u64,
    proposals: Option<ProposalSizes>,
}

impl LeadingFigures {
    /// This server begins to lead, or no longer does.
    pub(crate) fn role_changed(&self, leads: bool, now_ms: u64) {
        *self.figures.lock() = Figures { since_ms: now_ms, proposals: None };
        self.leads.store(leads, Ordering::Relaxed);
    }

    /// An entry goes to the log: a leader has proposed it.
    pub(crate) fn count(&self, bytes: usize) {
        if !self.leads.load(Ordering::Relaxed) {
            return;
        }
        let last = bytes as u64;
        let mut figures = self.figures.lock();
        let (min, max) =
            figures.proposals.map_or((last, last), |sizes| (sizes.min.min(last), sizes.max.max(last)));
        figures.proposals = Some(ProposalSizes { last, min, max });
    }

    /// Forgets the sizes so far.
    pub(crate) fn clear(&self) {
        self.figures.lock().proposals = None;
    }

    /// Milliseconds since the last change of roles, and the sizes since.
    pub(crate) fn read(&self, now_ms: u64) -> (u64, Option<ProposalSizes>) {
        let figures = *self.figures.lock();
        (now_ms.saturating_sub(figures.since_ms), figures.proposals)
    }
}

#[cfg(test)]
mod tests {
    use super::LeadingFigures;
    use crate::fourletter::ProposalSizes;

    #[test]
    fn only_a_leader_counts_and_each_term_counts_anew() {
        let figures = LeadingFigures::default();
        figures.count(100);
        assert_eq!(figures.read(5).1, None);
        figures.role_changed(true, 1000);
        [50, 10, 30].into_iter().for_each(|bytes| figures.count(bytes));
        assert_eq!(figures.read(1500), (500, Some(ProposalSizes { last: 30, min: 10, max: 50 })));
        figures.clear();
        assert_eq!(figures.read(1500), (500, None));
        figures.count(7);
        figures.role_changed(true, 2000);
        assert_eq!(figures.read(2000), (0, None));
    }
}
