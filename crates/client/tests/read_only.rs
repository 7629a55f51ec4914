//! A client between a server that is cut off from the others and one that is not, both made up.

#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod support;

use proto::connect::{ConnectRequest, ConnectResponse};
use proto::request::{RequestHeader, frame};
use proto::response::{ReplyHeader, encode_reply};
use proto::{ErrorCode, OpCode, Reader, SessionId, Wire, Zxid};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{run, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use zabra_client::{Client, Host, NearestFirst, SessionState, StaticHosts};

/// A server that grants session 7, or 99 while it is read-only, and then answers everything with nothing.
async fn server(read_only: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, read_only.load(Ordering::Relaxed)));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, read_only: bool) -> std::io::Result<()> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    if &length == b"isro" {
        return stream.write_all(if read_only { b"ro" } else { b"rw" }).await;
    }
    let greeting = payload(&mut stream, length).await?;
    let request = ConnectRequest::decode(&mut Reader::new(&greeting)).unwrap();
    assert_eq!(request.read_only, Some(true));
    assert_eq!(request.session_id, SessionId::NONE, "the read-only server's session is its own");
    let session_id = SessionId(if read_only { 99 } else { 7 });
    let response = ConnectResponse {
        protocol_version: 0,
        timeout_ms: 3000,
        session_id,
        password: vec![1; 16],
        read_only: Some(read_only),
    };
    let mut bytes = Vec::new();
    frame(&mut bytes, |out| response.encode(out));
    stream.write_all(&bytes).await?;
    loop {
        stream.read_exact(&mut length).await?;
        let request = payload(&mut stream, length).await?;
        let header = RequestHeader::decode(&mut Reader::new(&request)).unwrap();
        let refused = read_only && header.kind == OpCode::Delete.code();
        let err = if refused { ErrorCode::NotReadOnly.code() } else { 0 };
        let mut bytes = Vec::new();
        encode_reply(ReplyHeader { xid: header.xid, zxid: Zxid(1), err }, &mut bytes, |_| {});
        stream.write_all(&bytes).await?;
    }
}

async fn payload(stream: &mut TcpStream, length: [u8; 4]) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[test]
fn hc_159_a_client_stays_read_only_until_it_finds_a_writable_server_and_moves_there() {
    run(async {
        let near = server(Arc::new(AtomicBool::new(true))).await;
        let is_cut_off = Arc::new(AtomicBool::new(true));
        let far = server(Arc::clone(&is_cut_off)).await;
        let zone = |address| StaticHosts::new([Host::from(address)]);
        let zones = NearestFirst::new().then(zone(near)).then(zone(far));
        let builder = Client::builder().session_timeout(Duration::from_secs(3)).read_only(true);
        let client = builder.start_with(zones, "/").unwrap();
        let SessionState::Connected(first) = until(&client, "a connection", SessionState::is_connected).await
        else {
            panic!("connected")
        };
        assert!(first.read_only);
        assert_eq!(client.credentials(), None, "nothing that another server would know");
        client.sync("/").await.unwrap();
        assert!(client.delete("/a", None).await.unwrap_err().is(ErrorCode::NotReadOnly));

        is_cut_off.store(false, Ordering::Relaxed);
        let is_writable = |state: &SessionState| matches!(state, SessionState::Connected(c) if !c.read_only);
        until(&client, "a writable server", is_writable).await;
        assert_eq!(client.credentials().unwrap().session_id, SessionId(7));
        client.delete("/a", None).await.unwrap();
        client.close().await.unwrap();
    });
}
