/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which packets are taken by somebody for whom all of a flood would be too much. There is a share of packets for each period of some
 * milliseconds. What was not used of it is saved up, so that a burst after quiet is taken packet by packet; once that is used up, an even
 * part of what comes is taken, about as much as the share, until fewer come.
 *
 * All of that is decided where a period begins, by what came in the last one. Between that a packet costs a multiplication: its number
 * times the golden ratio spreads evenly over all values, and keeps step with no pattern of flows.
 */
#ifndef NETRIG_PACE_H
#define NETRIG_PACE_H

#include "kernel.h"
#include "wire.h"

#define GOLDEN 0x9e3779b9u /* 2^32 times the golden ratio's fraction */
#define PERIODS_MAX 0x10000 /* quiet that is longer counts as so long */

static __always_inline __s64 within(__s64 value, __s64 bound)
{
	if (value > bound)
		return bound;
	return value < -bound ? -bound : value;
}

static __always_inline void begin_pace(struct pace_state *state, const struct pace *pace, __u32 number)
{
	state->epoch = pace->epoch;
	state->credit = pace->burst;
	state->floor = 0;
	state->last = number - 1;
}

static __always_inline void begin_period(struct pace_state *state, const struct pace *pace, __u32 number, __u32 now)
{
	__u32 periods = (now - state->began) / (pace->period_ticks ?: 1), seen;
	__s64 credit = (__s64)state->credit - (state->taken - state->begun_taken);

	if (!periods || periods > PERIODS_MAX)
		periods = PERIODS_MAX;
	seen = (number - 1 - state->begun) / periods;
	credit = within(credit + (__s64)periods * pace->share, pace->burst);
	state->credit = credit;
	state->floor = credit > 0 || seen <= pace->share ? 0 : -(__u32)(((__u64)pace->share << 32) / seen);
}

/* Whether the packet may be one that is taken: for most of a flood it is not. */
static __always_inline bool pace_may_take(const struct pace_state *state, const struct pace *pace, __u32 number,
					  __u32 now)
{
	return number * GOLDEN >= state->floor || now - state->began >= pace->period_ticks;
}

/* 0: it is not taken; else how many packets have passed since the one before it that was, itself among them. */
static __always_inline __u32 pace_take(struct pace_state *state, const struct pace *pace, __u32 number, __u32 now)
{
	__u32 passed;

	if (state->epoch != pace->epoch)
		begin_pace(state, pace, number);
	else if (now - state->began >= pace->period_ticks)
		begin_period(state, pace, number, now);
	else
		goto chosen;
	state->began = now;
	state->begun = number - 1;
	state->begun_taken = state->taken;
	if (!pace->share)
		state->floor = 0;
chosen:
	if (number * GOLDEN < state->floor)
		return 0;
	passed = number - state->last;
	state->last = number;
	state->taken++;
	return passed;
}

#endif /* NETRIG_PACE_H */
