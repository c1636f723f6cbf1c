//! The crate from outside: captures read, and captures through the kernel programs.

mod expected;
mod model;
mod model_check;
mod packets;
mod policy;
mod read_files;
mod read_model;
mod read_pcap;
mod read_pcapng;
mod replay_edges;
mod replay_expected;
mod replay_model;
mod replayed;
mod sums;
mod tshark;
mod written;
