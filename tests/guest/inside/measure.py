#!/usr/bin/env python3
"""Evaluates the trace of a hog's growth (hog/trace.rs).

measure.py FILE left BYTES: from the moment when available memory and free swap together fell below BYTES
measure.py FILE held BYTES: from the moment when the hog held BYTES

Prints four numbers: milliseconds from there to its last allocation; MiB beyond BYTES at the worst; milliseconds from
there to its exit; and from its last allocation to its exit. If it never reached BYTES, the first and third are 0 and the
second is negative: how far away it was killed.
"""
import struct
import sys


def main(path, kind, threshold):
    threshold = int(threshold)
    with open(path, "rb") as file:
        records = [(time, held, left) for time, held, left in struct.iter_unpack("=QQQ", file.read()) if time]
    with open(path + ".end") as file:
        ended = int(file.read().split()[0])
    beyond = {"left": lambda record: threshold - record[2], "held": lambda record: record[1] - threshold}[kind]
    last = records[-1][0]
    crossed = next((record[0] for record in records if beyond(record) > 0), None)
    times = (last - crossed, ended - crossed) if crossed else (0, 0)
    worst = max(beyond(record) for record in records)
    print(times[0] // 10**6, worst >> 20, times[1] // 10**6, (ended - last) // 10**6)


if __name__ == "__main__":
    main(*sys.argv[1:])
