//! A value that follows its node: prints the data of a node now and after every change.
//!
//! `cargo run -p zabra-client --example configuration -- 127.0.0.1:2181 /config`

use std::error::Error;
use zabra_client::{Client, ErrorCode, WatchMode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/config".to_owned());

    let client = Client::connect(&servers).await?;
    // The watch first and the read after it: no change can fall in between.
    let mut watcher = client.watch(&path, WatchMode::Node).await?;
    loop {
        match client.get_data(&path).await {
            Ok(node) => println!("{} (version {})", node.bytes().escape_ascii(), node.stat.version),
            Err(error) if error.is(ErrorCode::NoNode) => println!("(not there)"),
            Err(error) if !error.is_final() => continue,
            Err(error) => return Err(error.into()),
        }
        // An event and a gap ask for the same: read again.
        match watcher.next().await {
            Some(change) => drop(change?),
            None => return Ok(()),
        }
    }
}
