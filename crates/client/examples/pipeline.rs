//! Many writes on their way at a time: creates a node and sets it 10,000 times, and says how long it took.
//!
//! `cargo run --release -p zabra-client --example pipeline -- 127.0.0.1:2181`

use std::collections::VecDeque;
use std::error::Error;
use std::time::Instant;
use zabra_client::{Client, Create};

const WRITES: usize = 10_000;
/// Writes that wait for their replies at a time.
const IN_FLIGHT: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let client = Client::connect(&servers).await?;
    let node = client.create("/pipeline-", "", &Create::ephemeral().sequential()).await?;
    let started = Instant::now();
    let mut waiting = VecDeque::new();
    for n in 0..WRITES {
        waiting.push_back(client.set_data(&node.path, &n.to_string(), None));
        if waiting.len() == IN_FLIGHT
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await?;
        }
    }
    for write in waiting {
        write.await?;
    }
    let took = started.elapsed();
    println!("{WRITES} writes in {took:?}, {:.0} a second", WRITES as f64 / took.as_secs_f64());
    client.close().await?;
    Ok(())
}
