//! `netrig capture` as people use it: what it writes is held against tcpdump beside it, against tshark's and capinfos' reading of its
//! files, and against the kernel's own counts.

mod accounts;
mod agreement;
mod bad_input;
mod drops;
mod ending;
mod files;
mod owners;
mod support;
