//! Whose a socket is.

/// The process that uses a socket, and where it lives. Unknown is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Process name, as the kernel keeps it (15 bytes at most).
    pub process: Option<String>,
    /// Process id, in the host's numbering.
    pub pid: Option<u32>,
    /// Path of its control group.
    pub cgroup: Option<String>,
    /// Container id (the first 12 hexadecimal digits are what people read), or systemd unit.
    pub container: Option<String>,
}
