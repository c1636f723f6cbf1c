//! Parquet segments on local disk: crash-safe, bounded, readable by any tool.
