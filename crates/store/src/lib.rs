//! Parquet segments on local disk: crash-safe, bounded, readable by any tool.
//!
//! One window of one table is one file under `DIR/<table>/date=YYYY-MM-DD/hour=HH/`, named after the time it covers.
//! A file appears whole (temporary name, fsync, rename, fsync of the folder) or not at all. The window files of a
//! finished hour are joined into one; whoever reads ignores a file whose range lies within another's of the same table,
//! so a crash between the rename and the deletes never counts a row twice.
//!
//! Flows come at three levels: as they were told, by minutes, and by hours ([`reduce`]). When room runs short the oldest of a
//! finer level are made the next coarser one, an hour at a time; a file of a coarser level takes the place of those of finer
//! ones within its range by the same rule, so that the rename is the moment at which the one becomes the other.
//!
//! - [`StoreWriter`] is the only writer (it holds the folder's lock); it appends windows, joins hours, keeps age and bytes.
//! - [`StoreReader`] reads without a lock, while a rig writes or after it has ended.
//! - [`to_parquet`] gives the same file format in memory, for the live endpoint.
//!
//! Deliberately absent: a catalogue file (the names are the catalogue), background threads, clocks (time is passed in).

mod catalog;
mod columns;
mod compact;
mod encode;
mod error;
mod field;
mod hour;
mod lock;
mod overview;
mod publish;
mod reader;
mod record;
pub mod reduce;
mod reduction;
mod retain;
mod rows;
mod schema;
mod segment;
mod steady;
mod table;
mod upkeep;
mod window_file;
mod writer;

pub use encode::to_parquet;
pub use error::StoreError;
pub use overview::TableOverview;
pub use reader::{LeveledFlow, StoreReader};
pub use record::Record;
pub use schema::{arrow_type, schema};
pub use segment::{Range, Segment};
pub use table::Table;
pub use window_file::WindowFile;
pub use writer::{Maintenance, StoreConfig, StoreWriter};
