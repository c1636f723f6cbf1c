//! The control socket's questions, each to whom it is for.

use super::policy::Message;
use super::recorder::Door;
use crate::control::{Answer, Ask, Asked, Socket};
use netrig_config::Config;
use std::sync::mpsc::{Sender, channel};

/// Listens for both; without `policies`, for the recorder alone.
pub(super) fn listen(config: &Config, policies: Option<Sender<Message>>, recorder: Door) -> anyhow::Result<Socket> {
    let (asked, questions) = channel::<Asked>();
    std::thread::Builder::new().name("netrig-questions".into()).spawn(move || {
        for asked in questions {
            match (&asked.ask, &policies) {
                (Ask::Dump { .. }, _) => recorder.ask(asked),
                (_, Some(policies)) => {
                    if policies.send(Message::Asked(asked)).is_err() {
                        return;
                    }
                }
                (_, None) => {
                    let why = "this rig takes no policies: [policy] enabled = false".to_owned();
                    let _ = asked.answer.send(Answer::Refused { why, wrong: true });
                }
            }
        }
    })?;
    Socket::listen(&config.policy.socket, asked)
}
