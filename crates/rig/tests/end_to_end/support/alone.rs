//! Who has the machine: every rig sees the connections of all namespaces, so a test that opens as many as a table can hold would
//! push those of its neighbours out of theirs.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

struct Machine {
    users: usize,
    wanted_alone: usize,
    taken_alone: bool,
}

static MACHINE: Mutex<Machine> = Mutex::new(Machine { users: 0, wanted_alone: 0, taken_alone: false });
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// Holds of this thread: a test that has one gets the next at once, also while another waits to be alone.
    static HOLDS: Cell<usize> = const { Cell::new(0) };
}

fn machine() -> MutexGuard<'static, Machine> {
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(guard: MutexGuard<'static, Machine>, until: impl Fn(&Machine) -> bool) -> MutexGuard<'static, Machine> {
    CHANGED.wait_while(guard, |machine| !until(machine)).unwrap_or_else(PoisonError::into_inner)
}

/// A use of the machine beside others. It stays on its thread.
#[must_use]
pub(crate) struct Beside(PhantomData<*const ()>);

/// Waits until nobody is alone, or wants to be.
pub(crate) fn beside() -> Beside {
    let first = HOLDS.get() == 0;
    let mut guard = wait(machine(), |machine| !first || !(machine.taken_alone || machine.wanted_alone > 0));
    guard.users += 1;
    HOLDS.set(HOLDS.get() + 1);
    Beside(PhantomData)
}

impl Drop for Beside {
    fn drop(&mut self) {
        machine().users -= 1;
        HOLDS.set(HOLDS.get() - 1);
        CHANGED.notify_all();
    }
}

/// The machine alone: no rig of another test runs meanwhile. It stays on its thread.
#[must_use]
pub(crate) struct Alone(PhantomData<*const ()>);

/// Waits until nobody uses the machine.
pub(crate) fn alone() -> Alone {
    assert_eq!(HOLDS.get(), 0, "who wants to be alone does so before its first rig");
    let mut guard = machine();
    guard.wanted_alone += 1;
    guard = wait(guard, |machine| machine.users == 0 && !machine.taken_alone);
    guard.wanted_alone -= 1;
    guard.taken_alone = true;
    HOLDS.set(1);
    Alone(PhantomData)
}

impl Drop for Alone {
    fn drop(&mut self) {
        machine().taken_alone = false;
        HOLDS.set(0);
        CHANGED.notify_all();
    }
}
