//! What the host tells about its interfaces: links, counters, hot-plug.
