//! Where latency comes from: records of stages merged into a picture of each service, a judgement on it, and how it is shown.

mod bars;
mod change;
mod lines;
mod overview;
mod picture;
mod select;
mod shares;
mod tail;
mod verdict;
mod waterfall;
mod words;

pub use change::{Change, changes, changes_table};
pub use lines::explain_line;
pub use overview::overview;
pub use picture::{Picture, PictureKey, Pictures, StagePicture};
pub use select::Subject;
pub use verdict::{Verdict, verdict};
pub use waterfall::waterfall;
