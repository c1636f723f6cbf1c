//! The crate from outside: captures read, and captures through the kernel programs.

mod read_files;
mod read_model;
mod read_pcap;
mod read_pcapng;
mod written;
