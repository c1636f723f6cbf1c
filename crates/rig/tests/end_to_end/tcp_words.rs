//! What `netrig connections` says on a machine where things go wrong: who, to whom, what, and for how long.

use crate::support::{Rig, wait_for};
use netrig_testkit::{Connect, Fate, Fates, Pair, ResetBy, Server, require_root};
use std::io::{Read, Write};
use std::time::Duration;

/// The one line about a connection to this address, with these words in it.
#[track_caller]
fn assert_line(text: &str, to: impl std::fmt::Display, words: &[&str]) {
    let to = to.to_string();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&to)).collect();
    let has_all = |line: &&&str| words.iter().all(|word| line.contains(word));
    assert!(lines.iter().filter(has_all).count() == 1, "one line about {to} with {words:?} in:\n{text}");
}

#[test]
fn what_fails_and_what_is_slow_is_said_in_words() {
    require_root!();
    let pair = Pair::with_relay("words", Duration::from_millis(2));
    let rig = Rig::of_tcp(&pair.left);
    let refusing = Server::refusing(&pair.right, (Pair::RIGHT, 0));
    Connect::to(refusing).from(&pair.left).expect_err("nobody listens");
    let nobody = (Pair::NOBODY, 4245);
    Connect::to(nobody).from(&pair.left).expect_err("nobody answers");
    let unreachable = (Pair::UNREACHABLE, 4246);
    Connect::to(unreachable).from(&pair.left).expect_err("no way there");
    let resetting = Server::resetting(&pair.right, (Pair::RIGHT, 0), ResetBy::UnreadData);
    let mut reset = Connect::to(resetting.address()).from(&pair.left).expect("connect");
    reset.write_all(b"hello").expect("send");
    reset.read(&mut [0; 8]).expect_err("it is reset");
    // A SYN lost makes a handshake of a second.
    pair.relay().set(Fates::nth(&[1], Fate::Drop, |packet| packet.is_syn()));
    let sink = Server::sink(&pair.right, (Pair::RIGHT, 0));
    drop(Connect::to(sink.address()).from(&pair.left).expect("connect"));
    let silent = Server::silent(&pair.right, (Pair::RIGHT, 0), 8192);
    let held = Connect::to(silent.address()).from(&pair.left).expect("connect");
    std::thread::scope(|scope| {
        scope.spawn(|| (&held).write_all(&[1; 200_000]).expect("send"));
        std::thread::sleep(Duration::from_millis(700));
        silent.read_on();
    });
    silent.wait_received(200_000);
    drop(held);

    let failed = wait_for("the last failure is told", Duration::from_secs(10), || {
        let text = rig.ask(&["connections", "--failed", "--since", "1m"]);
        text.contains(&resetting.address().to_string()).then_some(text)
    });
    let (name, pid) = crate::support::this_process();
    let who = format!("{} {}", name.expect("a name"), pid.expect("a number"));
    assert_line(&failed, refusing, &[&who, &format!("refused by {refusing} after "), "s"]);
    assert_line(&failed, "10.57.0.9:4245", &[&who, "no answer to ", " SYNs in ", " s"]);
    assert_line(&failed, "10.58.0.9:4246", &[&who, "EHOSTUNREACH", " after "]);
    assert_line(&failed, resetting.address(), &[&who, "reset by the peer after ", "5 B sent"]);
    assert_line(&failed, resetting.address(), &[&who, "this host reset it", "tcp_abort_on_close"]);

    let slow = wait_for("the slow ones are told", Duration::from_secs(10), || {
        let text = rig.ask(&["connections", "--slow", "--since", "1m"]);
        (text.contains(&silent.address().to_string()) && text.contains(&sink.address().to_string())).then_some(text)
    });
    assert_line(&slow, sink.address(), &[&who, "handshake took 1.0", "1 SYN sent again"]);
    assert_line(&slow, silent.address(), &[&who, "peer's receive window held it up"]);
    rig.stop();
}
