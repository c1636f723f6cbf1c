/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the first octets of a packet's payload look like. They come as one word, the first octet lowest; what the packet does not have of
 * eight is 0.
 */
#ifndef NETRIG_PAYLOAD_DETECT_H
#define NETRIG_PAYLOAD_DETECT_H

#include "../bpf/kernel.h"

#define FOUR(A, B, C, D) ((__u32)(A) | (__u32)(B) << 8 | (__u32)(C) << 16 | (__u32)(D) << 24)
#define EIGHT(A, B, C, D, E, F, G, H) ((__u64)FOUR(A, B, C, D) | (__u64)FOUR(E, F, G, H) << 32)

/* HTTP/2's preface, as far as it goes. */
#define HTTP2_PREFACE EIGHT('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')

/* A request's line begins so, or an answer's. */
static __always_inline bool begins_http(__u64 octets)
{
	__u32 rest = octets >> 32;

	switch ((__u32)octets) {
	case FOUR('G', 'E', 'T', ' '):
	case FOUR('P', 'U', 'T', ' '):
		return true;
	case FOUR('H', 'E', 'A', 'D'):
	case FOUR('P', 'O', 'S', 'T'):
		return (rest & 0xff) == ' ';
	case FOUR('P', 'A', 'T', 'C'):
		return (rest & 0xffff) == FOUR('H', ' ', 0, 0);
	case FOUR('T', 'R', 'A', 'C'):
		return (rest & 0xffff) == FOUR('E', ' ', 0, 0);
	case FOUR('D', 'E', 'L', 'E'):
		return (rest & 0xffffff) == FOUR('T', 'E', ' ', 0);
	case FOUR('H', 'T', 'T', 'P'):
		return (rest & 0xffffff) == FOUR('/', '1', '.', 0);
	case FOUR('O', 'P', 'T', 'I'):
		return rest == FOUR('O', 'N', 'S', ' ');
	case FOUR('C', 'O', 'N', 'N'):
		return rest == FOUR('E', 'C', 'T', ' ');
	}
	return false;
}

/* Whether it may become such a line: `mask` has the octets that are there, fewer than eight. */
static __always_inline bool may_begin_http(__u64 octets, __u64 mask)
{
	return octets == (EIGHT('G', 'E', 'T', ' ', 0, 0, 0, 0) & mask) ||
	       octets == (EIGHT('P', 'U', 'T', ' ', 0, 0, 0, 0) & mask) ||
	       octets == (EIGHT('H', 'E', 'A', 'D', ' ', 0, 0, 0) & mask) ||
	       octets == (EIGHT('P', 'O', 'S', 'T', ' ', 0, 0, 0) & mask) ||
	       octets == (EIGHT('P', 'A', 'T', 'C', 'H', ' ', 0, 0) & mask) ||
	       octets == (EIGHT('T', 'R', 'A', 'C', 'E', ' ', 0, 0) & mask) ||
	       octets == (EIGHT('D', 'E', 'L', 'E', 'T', 'E', ' ', 0) & mask) ||
	       octets == (EIGHT('H', 'T', 'T', 'P', '/', '1', '.', 0) & mask) ||
	       octets == (EIGHT('O', 'P', 'T', 'I', 'O', 'N', 'S', ' ') & mask) ||
	       octets == (EIGHT('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ') & mask);
}

/* A server's first frame: SETTINGS without flags, on stream 0, six octets for each of a few. */
static __always_inline bool begins_http2_answer(__u64 octets)
{
	__u32 length = (octets >> 16) & 0xff;

	return (octets & ~0xff0000ull) == EIGHT(0, 0, 0, 4, 0, 0, 0, 0) && length % 6 == 0;
}

enum tls_content {
	TLS_ALERT = 0x15,
	TLS_HANDSHAKE = 0x16,
	TLS_DATA = 0x17,
};

static __always_inline bool begins_tls_record(__u64 octets, enum tls_content content)
{
	return (octets & 0xffff) == (0x0300u | content) && ((octets >> 16) & 0xff) <= 4;
}

/* A handshake, or the alert that ends one before it has begun: two octets of it, not enciphered. */
static __always_inline bool begins_tls(__u64 octets)
{
	return begins_tls_record(octets, TLS_HANDSHAKE) ||
	       (begins_tls_record(octets, TLS_ALERT) && ((octets >> 24) & 0xffff) == 0x0200);
}

/* A hello of either side, in the midst of something else: no body begins so by chance. */
static __always_inline bool begins_hello(__u64 octets)
{
	__u8 type = octets >> 40, length = octets >> 48;

	return begins_tls_record(octets, TLS_HANDSHAKE) && (type == 1 || type == 2) && !length;
}

/* The first octet alone says no more. */
static __always_inline bool may_begin_tls(__u64 octets, __u64 mask)
{
	return octets == (EIGHT(TLS_HANDSHAKE, 3, 0, 0, 0, 0, 0, 0) & mask & 0xffff) && mask <= 0xff;
}

/* A long header's two upper bits, a version that is known, and the type that Initial packets have in it. */
static __always_inline bool begins_quic(__u64 octets)
{
	__u32 version = bpf_ntohl((__u32)(octets >> 8));
	__u8 type = octets & 0xf0;

	if (version == 1 || (version >= 0xff00001d && version <= 0xff000022))
		return type == 0xc0;
	return version == 0x6b3343cf && type == 0xd0;
}

/* A short header: the handshake is over in this direction. */
static __always_inline bool is_quic_short(__u64 octets)
{
	return (octets & 0xc0) == 0x40;
}

#endif /* NETRIG_PAYLOAD_DETECT_H */
