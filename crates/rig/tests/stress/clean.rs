//! What is made is taken down again: at the end, on a signal, and after a kill by the next run.

use crate::support::{beside_others, report, said, stress, traces_of, wait_for};
use netrig_testkit::require_root;
use std::process::{Child, Command, Output, Stdio};

/// A run that ends when the test does, however that ends.
struct Run(Option<Child>);

impl Run {
    fn start() -> Self {
        let mut command = stress();
        command.args(["disk-full", "--duration", "10m", "--no-victim", "--json"]);
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start netrig")))
    }

    fn pid(&self) -> u32 {
        self.0.as_ref().map_or(0, Child::id)
    }

    /// Waits until its traffic has begun.
    #[track_caller]
    fn under_way(self) -> Self {
        // Two namespaces, a folder, a mount, and the rig, which is a process that has the folder among its words.
        wait_for("the run is under way", || (traces_of(self.pid()).len() >= 5).then_some(()));
        self
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.pid().to_string()]).status().expect("start kill");
        assert!(done.success());
    }

    fn end(mut self) -> Output {
        self.0.take().expect("it has not ended").wait_with_output().expect("wait")
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // SIGTERM, so that it takes down what it has made.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

#[test]
fn an_interrupt_takes_all_down() {
    require_root!();
    let _beside = beside_others();
    let runs = [Run::start(), Run::start()].map(Run::under_way);
    for (with, run) in ["-INT", "-TERM"].into_iter().zip(runs) {
        let pid = run.pid();
        run.signal(with);
        let output = run.end();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("stopped before it was done"), "{}", said(&output));
        assert_eq!(traces_of(pid), Vec::<String>::new(), "after {with}");
    }
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_its_rig_died_with_it() {
    require_root!();
    let _beside = beside_others();
    let run = Run::start().under_way();
    let pid = run.pid();
    run.signal("-KILL");
    run.end();
    wait_for("its rig is gone", || traces_of(pid).iter().all(|trace| !trace.starts_with("process")).then_some(()));
    report(&["steady", "--duration", "1s"]);
    assert_eq!(traces_of(pid), Vec::<String>::new());
}

#[test]
fn a_run_beside_another_leaves_it_alone() {
    require_root!();
    let _beside = beside_others();
    let run = Run::start().under_way();
    let (pid, before) = (run.pid(), traces_of(run.pid()));
    report(&["steady", "--duration", "1s"]);
    assert_eq!(traces_of(pid).len(), before.len(), "{before:?}");
    run.signal("-TERM");
    run.end();
    assert_eq!(traces_of(pid), Vec::<String>::new());
}
