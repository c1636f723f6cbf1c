#!/usr/bin/env python3
"""Writes a capture of an hour of made-up traffic: the same for the same seed.

Who talks to whom is Zipf's, as in offices and data centres: few servers have most of it. Clients' ports are as Linux hands them
out; lengths of flows are log-normal with a heavy tail; one flow in fifty is a scan that nobody answers.

usage: store-traffic.py FILE [FLOWS [SEED]]
"""

import bisect
import itertools
import math
import random
import struct
import sys

START, HOUR_S, SNAPLEN = 1_700_002_800, 3600.0, 54
CLIENTS, SERVERS = 3000, 800
SERVICES = [(443, 6, 60), (80, 6, 8), (53, 17, 20), (22, 6, 1), (5432, 6, 4), (6379, 6, 3), (123, 17, 2), (8080, 6, 2)]


def zipf(n, exponent):
    """A way to draw one of n, the first most often."""
    sums = list(itertools.accumulate(1 / (i + 1) ** exponent for i in range(n)))
    return lambda rng: bisect.bisect(sums, rng.random() * sums[-1])


def packet(src, dst, sport, dport, protocol, flags, length):
    """An Ethernet frame's first octets; only lengths and headers count."""
    ip = struct.pack(">BBHHHBBHII", 0x45, 0, length - 14, 0, 0, 64, protocol, 0, src, dst)
    if protocol == 6:
        rest = struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 0, 0, 0)
    else:
        rest = struct.pack(">HHHH", sport, dport, length - 34, 0)
    return b"\x02" * 12 + b"\x08\x00" + ip + rest


def flow(rng, client_of, server_of, service_of):
    """The packets of one flow, each with its time."""
    began = rng.random() * (HOUR_S - 60)
    src = 0x0A000000 + client_of(rng) * 3 + 1
    sport = rng.randrange(32768, 61000)
    if rng.random() < 0.02:
        dst, dport = rng.randrange(0x0B000000, 0xDF000000), rng.randrange(1, 65536)
        yield began, packet(src, dst, sport, dport, 6, 2, 74), 74
        return
    server = server_of(rng)
    dport, protocol, _ = SERVICES[service_of(server)]
    dst = 0xC0A80000 + server * 7
    count = 2 if dport in (53, 123) else min(400, 6 + int(rng.lognormvariate(0.9, 1.3)))
    lasts = 0.02 if count == 2 else rng.expovariate(1 / 4.0)
    for i in range(count):
        out = i % 2 == 0 or protocol == 6 and rng.random() < 0.2
        flags = 0x02 if i == 0 else 0x12 if i == 1 else 0x11 if i >= count - 2 else 0x10
        length = rng.choice((66, 66, 120, 300)) if out else rng.choice((66, 200, 1514, 1514))
        ends = (src, dst, sport, dport) if out else (dst, src, dport, sport)
        yield began + lasts * i / count, packet(*ends, protocol, flags, length), length


def service_chooser():
    """Each server has one service, by its number."""
    sums = list(itertools.accumulate(share for _, _, share in SERVICES))
    return lambda server: bisect.bisect(sums, (server * 37 + 11) % sums[-1])


def main():
    """All packets, sorted by their times."""
    path, flows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 250_000
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    clients, servers, services = zipf(CLIENTS, 1.0), zipf(SERVERS, 1.1), service_chooser()
    every = []
    number = itertools.count()
    for _ in range(flows):
        for at, head, length in flow(rng, clients, servers, services):
            every.append((at, next(number), head, length))
    every.sort()
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for at, _, head, length in every:
            ns = math.floor(at * 1e9)
            head = head[:SNAPLEN]
            out.write(struct.pack("<IIII", START + ns // 10**9, ns % 10**9, len(head), length) + head)


main()
