//! Policies in the real kernel: every verdict and every counter against a model of what a policy decides.

mod agree;
mod fragments;
mod judge;
mod limits;
mod order;
mod replayed;
mod rig;
mod shapes;
mod some;
mod subject;
mod swap;
mod vital;
mod words;
