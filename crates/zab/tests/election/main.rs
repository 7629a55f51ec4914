//! Elections from outside: one server driven by hand, and whole ensembles over a network that fails.

mod hard_cases;
mod memberships;
mod network;
mod rules;
mod schedules;
mod server;
