//! What becomes of a membership when a client asks to change it.
//!
//! Pure text work: whether the change may be made now, and by whom, is the leader's to say.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn, case reconfig; QuorumPeerConfig.parseDynamicConfig

use crate::config::{Config, Member, MemberRole};
use crate::config_text::{ConfigProblem, ConfigTextError};
use crate::quorum::ServerId;
use proto::Zxid;
use std::net::IpAddr;

/// What a client asks for. With neither of the texts nothing but the version changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// Members to add or to replace, as `server.N=...`, separated by commas.
    pub joining: Option<&'a str>,
    /// Ids of members to remove, separated by commas. Those who are none are ignored.
    pub leaving: Option<&'a str>,
    /// The whole membership, lines separated by commas or ends of lines; then the other two do not matter.
    pub members: Option<&'a str>,
    /// Version this builds on; -1: any.
    pub base: i64,
}

/// Why a membership is not changed; nothing is proposed then (HC-146, HC-147).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Another change is on its way.
    InProgress,
    /// The membership has another version than this builds on.
    Version,
    /// It says something that cannot be.
    Arguments,
    /// It is no text of a membership: numbers that are none, nobody who votes.
    Unreadable,
    /// Too few of the new voters are connected and synchronized.
    NoQuorum,
}

impl Config {
    /// This membership changed as asked, with the version of the transaction that brings it. With
    /// `standalone_enabled` an ensemble has at least two voters.
    ///
    /// # Errors
    /// The client's fault: [`Refusal::Arguments`] or [`Refusal::Unreadable`].
    pub fn changed(
        &self,
        change: &Change<'_>,
        version: Zxid,
        standalone_enabled: bool,
    ) -> Result<Self, Refusal> {
        let mut next = match change.members {
            Some(members) => Self::parse(&members.replace(',', "\n")).map_err(|error| refusal(&error))?,
            None => self.stepped(change)?,
        };
        let voters = next.voters().count();
        let observed = voters < next.members.len();
        if change.members.is_some() && standalone_enabled && voters == 1 && observed {
            return Err(Refusal::Unreadable);
        }
        if voters < if standalone_enabled { 2 } else { 1 } {
            return Err(Refusal::Arguments);
        }
        next.version = version.0;
        Ok(next)
    }

    /// Some leave, then some join. Only where every vote weighs the same: who joins brings no weight.
    fn stepped(&self, change: &Change<'_>) -> Result<Self, Refusal> {
        if !self.groups.is_empty() {
            return Err(Refusal::Arguments);
        }
        let mut next = self.clone();
        for leaving in words(change.leaving.unwrap_or_default(), ',') {
            next.members.remove(&id(leaving)?);
        }
        for joining in words(change.joining.unwrap_or_default(), ',') {
            let mut parts = words(joining, '=');
            let (Some(name), Some(spec), None) = (parts.next(), parts.next(), parts.next()) else {
                return Err(Refusal::Arguments);
            };
            let joiner = id(name.rsplit_once('.').map_or(name, |(_, id)| id))?;
            let member = Member::parse(spec).map_err(|_| Refusal::Arguments)?;
            let mut others = next.members.iter().filter(|(id, _)| **id != joiner);
            if member.client.is_none() || others.any(|(_, other)| other.collides_with(&member)) {
                return Err(Refusal::Arguments);
            }
            next.members.insert(joiner, member);
        }
        Ok(next)
    }

    /// Whether this server learns without a vote under this membership. Who is not in it takes part as a
    /// follower that does not count.
    pub fn observes(&self, id: ServerId) -> bool {
        self.members.get(&id).is_some_and(|member| member.role == MemberRole::Observer)
    }

    /// Whether a voter is found at the same addresses under both memberships.
    pub fn keeps_voter(&self, next: &Self, id: ServerId) -> bool {
        let place = |config: &Self| {
            let member = config.members.get(&id).filter(|member| member.role == MemberRole::Participant)?;
            Some(member.addresses.iter().map(|a| (a.host.clone(), a.quorum_port)).collect::<Vec<_>>())
        };
        place(self).is_some_and(|here| Some(here) == place(next))
    }
}

impl Member {
    /// Whether two members would listen at one place. Addresses that everybody has do not tell.
    fn collides_with(&self, other: &Self) -> bool {
        self.places().any(|mine| other.places().any(|theirs| mine == theirs))
    }

    fn places(&self) -> impl Iterator<Item = (&str, u16)> {
        let peers =
            self.addresses.iter().flat_map(|a| [(&*a.host, a.quorum_port), (&*a.host, a.election_port)]);
        let client = self.client.iter().map(|(host, port)| (host.as_str(), *port));
        peers.chain(client).filter(|(host, _)| !is_everybodys(host))
    }
}

fn is_everybodys(host: &str) -> bool {
    let is_special = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_special)
}

fn words(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).map(str::trim).filter(|word| !word.is_empty())
}

fn id(text: &str) -> Result<ServerId, Refusal> {
    text.parse().map(ServerId).map_err(|_| Refusal::Unreadable)
}

/// The reference tells apart what it checks from what it stumbles over.
fn refusal(error: &ConfigTextError) -> Refusal {
    match error.problem {
        ConfigProblem::BadId
        | ConfigProblem::BadVersion
        | ConfigProblem::BadGroup
        | ConfigProblem::BadWeight
        | ConfigProblem::NoVoters => Refusal::Unreadable,
        _ => Refusal::Arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "server.1=a:1:2;9\nserver.2=b:1:2;9\nserver.3=c:1:2;9\nversion=5";

    fn change<'a>(joining: &'a str, leaving: &'a str) -> Change<'a> {
        Change { joining: Some(joining), leaving: Some(leaving), members: None, base: -1 }
    }

    fn asked(change: &Change<'_>) -> Result<String, Refusal> {
        let changed = Config::parse(THREE).unwrap().changed(change, Zxid::new(1, 2), false);
        changed.map(|config| config.to_text())
    }

    #[test]
    fn members_leave_join_and_change_places() {
        let text = asked(&change("server.4=d:1:2:observer;9, server.2=e:1:2;9", "1,77")).unwrap();
        assert_eq!(
            text,
            "server.2=e:1:2:participant;0.0.0.0:9\nserver.3=c:1:2:participant;0.0.0.0:9\n\
             server.4=d:1:2:observer;0.0.0.0:9\nversion=100000002"
        );
        let same = asked(&Change { base: -1, ..Change::default() }).unwrap();
        assert_eq!(same.replace("version=100000002", "version=5"), Config::parse(THREE).unwrap().to_text());
    }

    #[test]
    fn hc_146_hc_147_what_makes_no_sense_is_refused() {
        for (joining, leaving, why) in [
            ("server.4=d:1:2", "", Refusal::Arguments),
            ("server.4=d:1;9", "", Refusal::Arguments),
            ("server.4", "", Refusal::Arguments),
            ("server.4=a=b", "", Refusal::Arguments),
            ("server.x=d:1:2;9", "", Refusal::Unreadable),
            ("server.4=a:1:7;9", "", Refusal::Arguments),
            ("server.4=c:7:8;c:2", "", Refusal::Arguments),
            ("", "x", Refusal::Unreadable),
            ("", "1,2,3", Refusal::Arguments),
        ] {
            assert_eq!(asked(&change(joining, leaving)), Err(why), "{joining} {leaving}");
        }
    }

    #[test]
    fn places_that_everybody_has_do_not_collide() {
        let config = Config::parse("server.1=127.0.0.1:1:2;9\nserver.2=localhost:1:2;9").unwrap();
        let joining = change("server.3=127.0.0.1:1:2;9,server.4=localhost:1:2;9", "");
        assert!(config.changed(&joining, Zxid(7), true).is_ok());
    }

    #[test]
    fn bulk_replaces_everything_and_may_bring_groups() {
        let bulk = |members| asked(&Change { members: Some(members), base: -1, ..Change::default() });
        assert_eq!(
            bulk("server.1=a:1:2,server.2=b:1:2\ngroup.1=1:2,version=77").unwrap(),
            "server.1=a:1:2:participant\nserver.2=b:1:2:participant\ngroup.1=1:2\nweight.1=1\nweight.2=1\n\
             version=100000002"
        );
        for (members, why) in [
            ("", Refusal::Unreadable),
            ("clientPort=1,server.1=a:1:2", Refusal::Arguments),
            ("server.1=a:1", Refusal::Arguments),
            ("server.x=a:1:2", Refusal::Unreadable),
            ("server.1=a:1:2:observer", Refusal::Unreadable),
            ("server.1=a:1:2,server.2=b:1:2,group.1=1", Refusal::Arguments),
        ] {
            assert_eq!(bulk(members), Err(why), "{members}");
        }
    }

    #[test]
    fn who_is_in_a_group_cannot_be_added_one_by_one() {
        let grouped = Config::parse("server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2").unwrap();
        let joining = change("server.3=c:1:2;9", "");
        assert_eq!(grouped.changed(&joining, Zxid(7), true), Err(Refusal::Arguments));
    }

    #[test]
    fn a_single_voter_needs_standalone_servers_to_be_ruled_out() {
        let one = |members, standalone| {
            let change = Change { members, leaving: Some("2,3"), base: -1, joining: None };
            Config::parse(THREE).unwrap().changed(&change, Zxid(7), standalone).map(drop)
        };
        assert_eq!(one(None, true), Err(Refusal::Arguments));
        assert_eq!(one(None, false), Ok(()));
        assert_eq!(one(Some("server.1=a:1:2"), true), Err(Refusal::Arguments));
        assert_eq!(one(Some("server.1=a:1:2,server.2=b:1:2:observer"), true), Err(Refusal::Unreadable));
        assert_eq!(one(Some("server.1=a:1:2,server.2=b:1:2:observer"), false), Ok(()));
    }

    #[test]
    fn a_voter_that_moves_is_not_the_same() {
        let config = |text| Config::parse(text).unwrap();
        let (here, there) = (config("server.1=a:1:2"), config("server.1=b:1:2"));
        assert!(here.keeps_voter(&config("server.1=a:1:3;5\nserver.2=b:1:2"), ServerId(1)));
        assert!(!here.keeps_voter(&there, ServerId(1)));
        assert!(!here.keeps_voter(&config("server.1=a:1:2:observer\nserver.2=b:1:2"), ServerId(1)));
    }
}
