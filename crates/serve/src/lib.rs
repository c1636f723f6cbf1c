//! HTTP on loopback: metrics, health, status, live records.
