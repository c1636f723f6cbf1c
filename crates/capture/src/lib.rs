//! Captured packets on their way out: in the order of their times, into pcapng files that rotate, or as a line each.
