//! Properties that hold over random histories: the tree does what a naive model does, and whatever a
//! snapshot catches of a history, replaying the rest leads to the same tree.

mod generate;
mod model;
mod model_agrees;
mod replay_agrees;
