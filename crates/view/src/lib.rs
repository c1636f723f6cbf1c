//! Answers in the terminal: tables, units and the live view.
