//! Members of a group: each has an ephemeral node, everybody prints who is there.
//!
//! `cargo run -p zabra-client --example membership -- 127.0.0.1:2181 alice`

use std::error::Error;
use zabra_client::{Client, Create, ErrorCode};

const GROUP: &str = "/members";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let name = arguments.next().unwrap_or_else(|| format!("member-{}", std::process::id()));

    let client = Client::connect(&servers).await?;
    match client.create(GROUP, "", &Create::persistent()).await {
        Err(error) if !error.is(ErrorCode::NodeExists) => return Err(error.into()),
        _ => {}
    }
    client.create(&format!("{GROUP}/{name}"), "", &Create::ephemeral()).await?;
    loop {
        let (mut members, changed) = match client.get_children_and_watch(GROUP).await {
            Ok((children, changed)) => (children.names, changed),
            // A read may be repeated whatever became of it.
            Err(error) if !error.is_final() => continue,
            Err(error) => return Err(error.into()),
        };
        members.sort();
        println!("{}", members.join(" "));
        changed.await?;
    }
}
