//! Whether every packet of a case is accounted for.

use crate::object::Loaded;
use crate::sys::Mapped;
use anyhow::Result;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SLOT4_WORDS: usize = 8;
const SLOT6_WORDS: usize = 16;
const COUNTS_WORDS: usize = 16;
const ENDS_WORDS: usize = 16;

/// One family's table and outbox, as words.
struct Family {
    slot_words: usize,
    key_words: usize,
    table: Mapped,
    outbox: Mapped,
    outbox_len: u64,
    /// Which of the ends are this family's: 0 or 1 beyond the first.
    ends_at: usize,
}

/// The tables of a loaded bench, mapped.
pub(crate) struct Books {
    families: [Family; 2],
    ends: Mapped,
    counts: Mapped,
    cpus: usize,
    taken: [AtomicU64; 2],
}

/// Sums since the tables were loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Account {
    pub(crate) seen: u64,
    pub(crate) in_table: u64,
    pub(crate) by_outbox: u64,
    pub(crate) overflow: u64,
    pub(crate) evictions: u64,
}

impl Books {
    pub(crate) fn of(loaded: &Loaded) -> Result<Self> {
        let family = |table, outbox, slot_words, key_words, outbox_len: u32, ends_at| -> Result<Family> {
            Ok(Family {
                slot_words,
                key_words,
                table: loaded.mapped(table)?,
                outbox: loaded.mapped(outbox)?,
                outbox_len: u64::from(outbox_len),
                ends_at,
            })
        };
        Ok(Self {
            families: [
                family("table4", "outbox4", SLOT4_WORDS, 3, loaded.sizes.outbox4, 0)?,
                family("table6", "outbox6", SLOT6_WORDS, 6, loaded.sizes.outbox6, 1)?,
            ],
            ends: loaded.mapped("ends")?,
            counts: loaded.mapped("counts")?,
            cpus: loaded.sizes.cpus as usize,
            taken: Default::default(),
        })
    }

    /// Takes what lies in the outboxes; says how many records that was.
    pub(crate) fn take_outboxes(&self) -> u64 {
        let mut records = 0;
        for family in &self.families {
            for cpu in 0..self.cpus {
                let ends = &self.ends.words()[cpu * ENDS_WORDS..][..ENDS_WORDS];
                let head = ends[family.ends_at].load(Ordering::Acquire);
                let tail = &ends[8 + family.ends_at];
                let mut at = tail.load(Ordering::Relaxed);
                while at < head {
                    let place = cpu as u64 * family.outbox_len + at % family.outbox_len;
                    let word = place as usize * family.slot_words + family.key_words;
                    let packets = family.outbox.words()[word].load(Ordering::Relaxed) >> 32;
                    self.taken[family.ends_at].fetch_add(packets, Ordering::Relaxed);
                    at += 1;
                    records += 1;
                }
                tail.store(at, Ordering::Release);
            }
        }
        records
    }

    /// Empties the outboxes until told to stop.
    pub(crate) fn drain(&self, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.take_outboxes() == 0 {
                std::thread::sleep(std::time::Duration::from_micros(500));
            }
        }
    }

    /// The account, with nothing running.
    pub(crate) fn account(&self) -> Account {
        self.take_outboxes();
        let mut account = Account::default();
        for counts in self.counts.words().chunks_exact(COUNTS_WORDS) {
            account.seen += counts[0].load(Ordering::Relaxed) + counts[2].load(Ordering::Relaxed);
            account.overflow += counts[4].load(Ordering::Relaxed);
        }
        for family in &self.families {
            for slot in family.table.words().chunks_exact(family.slot_words) {
                account.in_table += slot[family.key_words].load(Ordering::Relaxed) >> 32;
            }
            for ends in self.ends.words().chunks_exact(ENDS_WORDS).take(self.cpus) {
                account.evictions += ends[4 + family.ends_at].load(Ordering::Relaxed);
            }
        }
        account.by_outbox = self.taken.iter().map(|t| t.load(Ordering::Relaxed)).sum();
        account
    }
}

impl Account {
    /// seen − (told + overflow): 0, or a packet is lost or invented.
    pub(crate) fn imbalance(&self) -> i64 {
        self.seen as i64 - (self.in_table + self.by_outbox + self.overflow) as i64
    }
}
