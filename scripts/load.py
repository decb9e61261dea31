#!/usr/bin/env python3
"""Many clients of `m2ib serve` at once, on this machine: no error but "busy", and memory that stays.

    scripts/load.py [--program target/release/m2ib] [--clients 64] [--seconds 60]

Starts the program on a free port of the loopback, has each client give pictures, compare captions, ask
for explanations (with rivals, seeds, words' patches and other prices now and then), wait for some, leave
others, draw and cut them, and ends it with SIGINT. Prints what was
answered, how long it took and what the program's memory was; fails if anything but 2xx and 429 was
answered, or if memory grew in the second half. Python's own library is all that it needs.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter, defaultdict

CAPTIONS = ["a photo of a hedgehog", "a photo of a maple leaf", "a photo of a piano", "a photo of a koala"]
METHODS = ["m2ib-fast", "m2ib-fine", "chefer", "grad-cam", "saliency"]
# What more is asked of M2IB, now and then.
MORE = [{}, {}, {}, {"instead_of": ["a photo of a lock"]}, {"seeds": 2}, {"interactions": "bottleneck"}, {"betas": [0.5, 2]}]


def png(side, grey):
    """A grey picture with some noise, as a file."""
    # By a table: clients that count bytes leave this script no time to ask.
    table = bytes((grey + value % 40) % 256 for value in range(256))
    row = lambda: b"\0" + random.randbytes(3 * side).translate(table)
    pixels = zlib.compress(b"".join(row() for _ in range(side)))

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    size = side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Client(threading.Thread):
    def __init__(self, port, scenes, until, seed):
        super().__init__(daemon=True)
        self.port, self.scenes, self.until = port, scenes, until
        self.random = random.Random(seed)
        self.statuses, self.times, self.broken = Counter(), defaultdict(list), []
        self.connection = None

    def ask(self, method, path, body=None, kind="application/json"):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        body = json.dumps(body) if isinstance(body, dict) else body
        began = time.monotonic()
        try:
            self.connection.request(method, path, body, {"Content-Type": kind} if body else {})
            response = self.connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            self.connection = None
            self.broken.append(f"{method} {path}: {error!r}")
            return None, None
        name = f"{method} " + re.sub(r"[0-9a-f]{32}", "{id}", path.split("?")[0])
        self.statuses[name, response.status] += 1
        self.times[name].append(time.monotonic() - began)
        if response.status == 429:
            # As Retry-After says, but not all at once.
            time.sleep(self.random.uniform(0.5, 1.5))
        return response.status, answer

    def run(self):
        while time.monotonic() < self.until:
            self.turn()

    def turn(self):
        if self.random.random() < 0.3:
            picture = png(self.random.choice([96, 200, 400]), self.random.randrange(256))
        else:
            picture = self.random.choice(self.scenes)
        status, given = self.ask("POST", "/api/pictures", picture, "image/png")
        if status != 201:
            return
        picture = json.loads(given)["id"]
        self.ask("POST", "/api/similarities", {"picture": picture, "captions": self.random.sample(CAPTIONS, 3)})
        method = self.random.choice(METHODS)
        if method.startswith("m2ib"):
            method += f":beta={self.random.choice([0.3, 1, 3])}:seed={self.random.randrange(1000)}"
        question = {"picture": picture, "caption": self.random.choice(CAPTIONS), "method": method}
        if method.startswith("m2ib"):
            question |= self.random.choice(MORE)
        status, begun = self.ask("POST", "/api/explanations", question)
        if status not in (200, 202):
            return
        path = f"/api/explanations/{json.loads(begun)['id']}"
        if self.random.random() < 0.2:
            self.ask("DELETE", path)
            return
        # Until the last event.
        status, _ = self.ask("GET", f"{path}/events")
        status, told = self.ask("GET", path)
        if status == 200 and json.loads(told)["state"] == "done" and self.random.random() < 0.3:
            self.ask("GET", f"{path}/picture.png")
            self.ask("GET", f"{path}/mask.png")
            self.ask("GET", f"{path}/attribution.json")


def memory(pid):
    """What the program holds, in MB."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/m2ib")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    server = subprocess.Popen([arguments.program, "serve", "--address", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    port = int(re.search(r"127\.0\.0\.1:(\d+)", server.stdout.readline())[1])
    folder = os.path.join(os.path.dirname(__file__), "..", "crates", "m2ib-emoji", "scenes")
    scenes = [open(os.path.join(folder, f"scene{number}.png"), "rb").read() for number in range(7)]
    began = time.monotonic()
    clients = [Client(port, scenes, began + arguments.seconds, seed) for seed in range(arguments.clients)]
    for client in clients:
        client.start()
    held = []
    while time.monotonic() < began + arguments.seconds:
        time.sleep(1)
        held.append(memory(server.pid))
    for client in clients:
        client.join(180)
    seconds = time.monotonic() - began
    server.send_signal(signal.SIGINT)
    code = server.wait(60)

    statuses, times = sum((client.statuses for client in clients), Counter()), defaultdict(list)
    for client in clients:
        for name, values in client.times.items():
            times[name] += values
    print(f"{'request':<44} {'answers':<24} {'median':>8} {'95 %':>8} {'most':>8}")
    for name in sorted(times):
        values = sorted(times[name])
        answers = ", ".join(f"{status}: {count}" for (other, status), count in sorted(statuses.items()) if other == name)
        at = lambda share: values[min(len(values) - 1, int(share * len(values)))]
        print(f"{name:<44} {answers:<24} {at(.5):>7.3f}s {at(.95):>7.3f}s {values[-1]:>7.3f}s")
    total = sum(statuses.values())
    half = len(held) // 2
    growth = max(held[half:]) - max(held[half // 2 : half], default=held[0])
    print(f"{total} answers in {seconds:.0f} s, {total / seconds:.0f} a second; exit code {code}")
    print(f"memory: {held[0]:.0f} MB after a second, {held[half]:.0f} at half, {held[-1]:.0f} at the end, most {max(held):.0f}")
    broken = [text for client in clients for text in client.broken]
    wrong = {key: count for key, count in statuses.items() if not 200 <= key[1] < 300 and key[1] != 429}
    # An eighth for what the allocator keeps.
    bad = bool(broken or wrong or code or growth > max(held) / 8)
    if bad:
        print(f"FAILED: {len(broken)} broken {broken[:3]}, {wrong}, growth {growth:.0f} MB")
    sys.exit(bad)


if __name__ == "__main__":
    main()
