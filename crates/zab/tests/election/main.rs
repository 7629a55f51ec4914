//! Elections from outside: one server driven by hand, and whole ensembles over a network that fails.

mod cases;
mod network;
mod schedules;
