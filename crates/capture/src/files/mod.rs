//! Files of packets: rotated as tcpdump rotates them, and dumps that are kept few.

mod names;
mod open;
mod quota;
mod rotate;

pub use names::dump_path;
pub use quota::{Quota, Removed};
pub use rotate::{Closed, Files, Progress, Rotation};
