//! A rule's action as records and pictures have it.

use netrig_model::PolicyAction;
use netrig_policy::words::Action;

/// Without what it is told with.
pub(crate) fn action_of(action: &Action) -> PolicyAction {
    match action {
        Action::Drop => PolicyAction::Drop,
        Action::Pass => PolicyAction::Pass,
        Action::Count => PolicyAction::Count,
        Action::Sample { .. } => PolicyAction::Sample,
        Action::Limit(_) => PolicyAction::Limit,
        Action::Redirect(_) => PolicyAction::Redirect,
        Action::SynGuard { .. } => PolicyAction::SynGuard,
    }
}
