//! Names to addresses.

use crate::hosts::Host;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// What [`Resolver::resolve`] returns.
pub type ResolveFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// Something that knows which addresses a host has. It is asked at every attempt to connect, so that a
/// server is found again after it moved.
///
/// ```
/// use zabra_client::{Client, Host, ResolveFuture, Resolver};
///
/// /// Everything runs on this machine.
/// #[derive(Debug)]
/// struct Here;
///
/// impl Resolver for Here {
///     fn resolve<'a>(&'a self, host: &'a Host) -> ResolveFuture<'a> {
///         Box::pin(async { Ok(vec![([127, 0, 0, 1], host.port).into()]) })
///     }
/// }
///
/// let builder = Client::builder().resolver(Here);
/// ```
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `host`, each with its port.
    fn resolve<'a>(&'a self, host: &'a Host) -> ResolveFuture<'a>;
}

/// What the system's own look-up says.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a Host) -> ResolveFuture<'a> {
        Box::pin(async { Ok(tokio::net::lookup_host((host.name.as_str(), host.port)).await?.collect()) })
    }
}
