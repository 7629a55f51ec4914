//! Properties that hold over random histories: the tree does what a naive model does, and whatever a
//! snapshot catches of a history, replaying the rest leads to the same tree. And two that hold for
//! every operation: it asks for exactly its permissions, and no bytes make it panic.

mod generate;
mod model;
mod model_agrees;
mod never_panics;
mod permissions;
mod replay_agrees;
