"""libargon2's Argon2id with Doorward's parameters, through argon2-cffi: hashes per second of so many threads, for so many seconds."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from argon2.low_level import Type, hash_secret_raw


def rate(seconds):
    begun, hashes = time.monotonic(), 0
    while time.monotonic() - begun < seconds:
        # The interpreter's lock is released within.
        hash_secret_raw(b"an owl keeps the door", b"\7" * 16, time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, type=Type.ID)
        hashes += 1
    return hashes / (time.monotonic() - begun)


threads, seconds = int(sys.argv[1]), float(sys.argv[2])
with ThreadPoolExecutor(threads) as pool:
    print(sum(pool.map(rate, [seconds] * threads)))
