//! The same scenarios on a server in this process and on Java's, through a proxy that breaks connections.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod scenarios;
mod support;

use interop::server::Kind;
use std::net::SocketAddr;
use support::proxy::Proxy;
use support::servers::{Embedded, Java};
use support::{World, run};

/// Runs every scenario on one server, one after the other.
fn all(server: SocketAddr, knows_3_9: bool) {
    run(async {
        let world = World { server, proxy: Proxy::to(server).await };
        scenarios::operations::reads_and_writes(&world).await;
        scenarios::operations::kinds_of_nodes(&world).await;
        scenarios::operations::several_at_once(&world).await;
        scenarios::operations::rights(&world).await;
        scenarios::operations::sizes(&world).await;
        scenarios::faults::order_of_pipelined_requests(&world).await;
        scenarios::faults::lost_replies(&world).await;
        scenarios::faults::dropped_futures(&world).await;
        scenarios::faults::bytes_one_by_one(&world).await;
        scenarios::faults::a_server_that_moves(&world).await;
        scenarios::sessions::closing_and_dropping(&world).await;
        scenarios::sessions::handing_over(&world).await;
        scenarios::sessions::expiry(&world).await;
        scenarios::watches::one_shot_across_a_cut(&world).await;
        scenarios::watches::lasting_across_cuts(&world).await;
        scenarios::watches::overflow(&world).await;
        scenarios::watches::removal(&world, knows_3_9).await;
    });
}

#[test]
fn every_scenario_holds_on_zabra() {
    let server = Embedded::start();
    all(server.address(), true);
}

#[test]
fn every_scenario_holds_on_java_3_9() {
    if let Some(java) = Java::start(Kind::Java39) {
        all(java.server.addr(), true);
    }
}

#[test]
fn every_scenario_holds_on_java_3_8() {
    if let Some(java) = Java::start(Kind::Java38) {
        all(java.server.addr(), false);
    }
}
