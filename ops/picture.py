#!/usr/bin/env python3
"""Draws ops/dashboard.png: the dashboard's own queries, answered by a real Prometheus that scraped a real server under a mixed load.

`make picture` brings what it needs: the quick build, Prometheus, matplotlib.
"""
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = int(os.environ.get("SECONDS_OF_LOAD", "240"))
PASSWORD = "an owl keeps the door"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url):
    for _ in range(300):
        try:
            return urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


class Client(threading.Thread):
    """Registers, logs in, asks, refreshes, sometimes gets a password wrong, and once in a while shows an old refresh token."""

    def __init__(self, port, number, ends):
        super().__init__(daemon=True)
        self.port, self.number, self.ends, self.chance = port, number, ends, random.Random(number)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, method, path, body=None, kind=None, token=None):
        headers = {"Content-Type": kind} if kind else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or "{}")
        except (OSError, http.client.HTTPException):
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
            return 0, {}

    def form(self, path, **fields):
        return self.ask("POST", path, urllib.parse.urlencode(fields), "application/x-www-form-urlencoded")

    def run(self):
        turn = 0
        while time.time() < self.ends:
            turn += 1
            email = f"client{self.number}-{turn}@example.com"
            self.ask("POST", "/register", json.dumps({"email": email, "password": PASSWORD}), "application/json")
            if self.chance.random() < 0.4:
                self.form("/login", username=email, password="wrong wrong")
            status, pair = self.form("/login", username=email, password=PASSWORD)
            if status != 200:
                continue
            for _ in range(self.chance.randrange(20, 200)):
                self.ask("GET", "/me", token=pair["access_token"])
                time.sleep(0.002 + 0.01 * abs((time.time() % 120) - 60) / 60)
            status, after = self.form("/refresh", refresh_token=pair["refresh_token"])
            if status == 200 and self.chance.random() < 0.02:
                _, after = self.form("/refresh", refresh_token=after["refresh_token"])
                self.form("/refresh", refresh_token=pair["refresh_token"])


def query(prometheus, expression, begin, end):
    fields = urllib.parse.urlencode({"query": expression, "start": begin, "end": end, "step": 2})
    answer = json.load(urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{fields}"))
    return answer["data"]["result"]


def draw(dashboard, prometheus, begin, end):
    panels = dashboard["panels"]
    figure, axes = plt.subplots(len(panels) // 3, 3, figsize=(18, 2.6 * (len(panels) // 3)), constrained_layout=True)
    for panel, axis in zip(panels, axes.flat):
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "20s").replace("$instance", ".*")
            for series in query(prometheus, expression, begin, end):
                label = re.sub(r"\{\{(\w+)\}\}", lambda m: series["metric"].get(m[1], ""), target["legendFormat"])
                times = [datetime.fromtimestamp(at, timezone.utc) for at, _ in series["values"]]
                axis.plot(times, [float(value) for _, value in series["values"]], linewidth=1, label=label.strip())
        unit = panel["fieldConfig"]["defaults"]["unit"]
        axis.set_title(panel["title"] + ("" if unit == "short" else f" ({unit})"), fontsize=10, loc="left")
        axis.set_ylim(0, 1.15 * axis.get_ylim()[1])
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
        axis.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M:%S"))
        if axis.lines:
            axis.legend(fontsize=6, loc="upper left", ncols=2)
    figure.suptitle(dashboard["title"], fontsize=13)
    figure.savefig(os.path.join(ROOT, "ops", "dashboard.png"), dpi=70)


def main():
    with tempfile.TemporaryDirectory() as folder:
        port, metrics, port_of_prometheus = free_port(), free_port(), free_port()
        environment = {"DOORWARD_LISTEN": f"127.0.0.1:{port}", "DOORWARD_METRICS_LISTEN": f"127.0.0.1:{metrics}", "RUST_LOG": "error",
                       "DOORWARD_LIMIT_LOGIN_IP": "off", "DOORWARD_LIMIT_REGISTER_IP": "off", "DOORWARD_REFRESH_GRACE": "0s"}
        program = os.path.join(ROOT, "target", "quick", "doorward")
        config = os.path.join(folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"global: {{scrape_interval: 2s}}\nscrape_configs: [{{job_name: doorward, static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]}}]\n")
        unpacked = os.path.join(ROOT, "target", "prometheus", "usr", "bin", "prometheus")
        prometheus = [unpacked if os.path.exists(unpacked) else "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
                      f"--web.listen-address=127.0.0.1:{port_of_prometheus}", "--log.level=error"]
        children = [subprocess.Popen([program], cwd=folder, env=environment), subprocess.Popen(prometheus)]
        try:
            wait_for(f"http://127.0.0.1:{port}/ready")
            wait_for(f"http://127.0.0.1:{port_of_prometheus}/-/ready")
            begin = time.time()
            clients = [Client(port, number, begin + SECONDS) for number in range(16)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            with open(os.path.join(ROOT, "ops", "grafana-dashboard.json"), encoding="utf-8") as file:
                draw(json.load(file), f"http://127.0.0.1:{port_of_prometheus}", begin + 20, time.time())
        finally:
            for child in children:
                child.kill()
                child.wait()


main()
