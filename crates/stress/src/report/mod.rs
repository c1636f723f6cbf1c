//! What came of a run. All of it is pure: a [`Report`] goes in, and words, charts and verdicts come out.

mod chart;
pub mod compare;
mod escape;
mod figures;
pub mod flat;
pub mod html;
pub mod json;
mod knobs;
pub mod limit;
mod lost;
pub mod model;
mod over_time;
mod series;
pub mod summary;
pub mod text;
pub mod verdict;

pub use model::Report;
