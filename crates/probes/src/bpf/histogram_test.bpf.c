/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For a test only: which bucket a time falls into, by the code that counts round trips. */
#include "histogram.h"

struct question {
	__u64 ns;
};

SEC("syscall")
int bucket_of(struct question *question)
{
	return time_bucket(question->ns);
}

char LICENSE[] SEC("license")
= "Dual BSD/GPL";
