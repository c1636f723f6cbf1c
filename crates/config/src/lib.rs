//! rig.toml: every setting, its default, its unit and its errors.
//!
//! All settings stand in one list, [`SETTINGS`]: reading a file, environment overrides, the nearest known key, the default
//! file, the JSON schema and the tables of `docs/configuration.md` are all made from it. To add a setting, add a field to
//! its section's struct, its default beside it, and a line to that list.
//!
//! Later beats earlier: defaults, the file, the environment (`NETRIG_RIG__WINDOW=5s`), and then the command line, which is
//! not this crate's matter.

mod environment;
mod errors;
mod interface_pattern;
mod load;
mod nearest;
mod payload;
mod ports;
mod read;
mod reference;
mod remote_write;
mod schema;
mod sections;
mod settings;
mod triggers;
mod units;
mod value;
mod write;

pub use environment::process_environment;
pub use errors::{ConfigError, ConfigErrors, Place};
pub use interface_pattern::{Glob, InterfacePattern, PatternError};
pub use nearest::nearest;
pub use payload::{PathRule, PayloadConfig, PayloadContent};
pub use reference::settings_table;
pub use remote_write::RemoteWriteConfig;
pub use sections::{
    BurstConfig, Config, DropConfig, FlowConfig, Hook, LatencyConfig, MetricsConfig, PolicyConfig, QueueConfig,
    RecorderConfig, RigConfig, ServeConfig, StoreConfig,
};
pub use settings::{Reload, SECTIONS, SETTINGS, Section, Setting};
pub use triggers::{Trigger, TriggerOn};
pub use units::{ByteSize, Percent, UnitError, format_duration, parse_duration};
