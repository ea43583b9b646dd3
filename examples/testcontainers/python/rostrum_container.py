"""A Rostrum server for tests, in a container or, without an engine, as a process."""

import json
import os
import socket
import subprocess
import tempfile
import time

ACCESS_KEY = "ROSTRUMTEST"
SECRET_KEY = "rostrum-test-secret"
REGION = "us-east-1"
COMMAND = ["serve", "--json"]


def free_port():
    """Return a port of this machine that is free by TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("", 0))
            try:
                udp.bind(("", tcp.getsockname()[1]))
                return tcp.getsockname()[1]
            except OSError:
                continue


def environment(port, media_port, seed=""):
    """Return the settings of a server at given ports, the same inside and outside: tokens and
    candidates name them."""
    settings = {
        "ROSTRUM_EPHEMERAL": "true",
        "ROSTRUM_LISTEN": f"0.0.0.0:{port}",
        "ROSTRUM_MEDIA_PORT": str(media_port),
        "ROSTRUM_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "ROSTRUM_PUBLIC_IP": "127.0.0.1",
        "ROSTRUM_RTMP_LISTEN": "127.0.0.1:0",
        "ROSTRUM_INSECURE": "true",  # the ports are published on loopback alone
        "ROSTRUM_ACCESS_KEY": ACCESS_KEY,
        "ROSTRUM_SECRET_KEY": SECRET_KEY,
        "ROSTRUM_REGION": REGION,
    }
    return {**settings, "ROSTRUM_SEED": seed} if seed else settings


def read_banner(log):
    """Return what the server prints once it is ready, or None."""
    for line in log.splitlines():
        if line.startswith("{") and line.endswith("}"):
            return json.loads(line)
    return None


class Server:
    """A running server: endpoint, access_key, secret_key, region, and seed as rostrum seed prints it."""

    def __init__(self, read_log, stop, timeout=60):
        self.stop = stop
        deadline = time.monotonic() + timeout
        while (banner := read_banner(read_log())) is None:
            if time.monotonic() > deadline:
                stop()
                raise TimeoutError(f"Rostrum is not ready after {timeout} s")
            time.sleep(0.02)
        self.endpoint, self.region = banner["endpoint"], banner["region"]
        self.access_key, self.secret_key = banner["accessKeyId"], banner["secretAccessKey"]
        self.seed = banner.get("seed", {})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def boto3(self):
        """Return the arguments of boto3.client("ivs-realtime", …)."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
        }


def start(image="rostrum:latest", seed=""):
    """Start a server in a container. Seed is the text of a seed."""
    from testcontainers.core.container import DockerContainer

    port, media_port = free_port(), free_port()
    container = DockerContainer(image).with_command(COMMAND).with_envs(**environment(port, media_port, "/seed.yaml" if seed else ""))
    if seed:
        container.with_copy_into_container(seed.encode(), "/seed.yaml")
    container.ports = {f"{port}/tcp": ("127.0.0.1", port), f"{media_port}/tcp": ("127.0.0.1", media_port), f"{media_port}/udp": ("127.0.0.1", media_port)}
    container.start()
    return Server(lambda: container.get_logs()[0].decode(), container.stop)


def start_process(program="rostrum", seed=""):
    """Start a server as a process of this machine."""
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "seed.yaml") if seed else ""
    if seed:
        with open(path, "w", encoding="utf-8") as file:
            file.write(seed)
    log = os.path.join(folder.name, "log")
    with open(log, "wb") as out:
        process = subprocess.Popen([program, *COMMAND], env={**os.environ, **environment(free_port(), free_port(), path)}, stdout=out, stderr=subprocess.DEVNULL)

    def stop():
        process.terminate()
        process.wait()
        folder.cleanup()

    def read_log():
        with open(log, encoding="utf-8") as file:
            return file.read()

    return Server(read_log, stop)
