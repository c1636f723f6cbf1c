//! The filter, for each kind of interface.

use crate::failure::Usage;
use netrig_filter::{Classic, Link, compile};

/// One expression, compiled as often as there are kinds of links.
pub(super) struct Filters {
    expression: String,
    ethernet: Classic,
    /// None where the expression asks for what such a link does not have.
    raw: Result<Classic, String>,
}

impl Filters {
    pub(super) fn compile(expression: &str) -> Result<Self, Usage> {
        let expression = expression.trim().to_owned();
        let ethernet = compile(&expression, Link::Ethernet).map_err(|error| Usage(error.to_string()))?;
        let raw = compile(&expression, Link::RawIp).map_err(|error| error.to_string());
        Ok(Self { expression, ethernet, raw })
    }

    /// As it was written; none where everything is taken.
    pub(super) fn expression(&self) -> Option<String> {
        Some(self.expression.clone()).filter(|expression| !expression.is_empty())
    }

    pub(super) fn of(&self, link: Link) -> Result<&Classic, Usage> {
        match link {
            Link::Ethernet => Ok(&self.ethernet),
            Link::RawIp => self.raw.as_ref().map_err(|why| Usage(why.clone())),
        }
    }
}
