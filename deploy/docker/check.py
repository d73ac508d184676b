#!/usr/bin/env python3
"""Checks the image and the desk of compose.yaml on a machine without Docker.

The Dockerfile goes through a linter. The commands of compose.yaml then run in a fresh root folder
that holds what the image holds: the two programs, the libraries that they link, a user without
rights, and an empty /data. Usage: check.py FOLDER_OF_PROGRAMS [LINTER]
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
USER = 65532  # `nonroot` of the distroless images.
START_S = 60  # A start takes less than a second on a quiet machine.


def commands():
    """The command line of each service that runs our programs, by service."""
    found, service = {}, None
    entry = "/usr/local/bin/rutter"
    for line in (HERE / "compose.yaml").read_text().splitlines():
        if name := re.fullmatch(r"  (\w+):", line):
            service, entry = name[1], "/usr/local/bin/rutter"
        elif words := re.fullmatch(r"    entrypoint: (\[.*\])", line):
            entry = json.loads(words[1])[0]
        elif words := re.fullmatch(r"    command: (\[.*\])", line):
            found[service] = [entry, *json.loads(words[1])]
    return found


def libraries(program):
    """Paths of the shared libraries that the program links, the loader included."""
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+)", listed)


def fresh_root(programs, root):
    for program in ("rutter", "rutter-tools"):
        source = programs / program
        target = root / "usr/local/bin" / program
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        for library in libraries(source):
            copy = root / library.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, copy)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(f"nonroot:x:{USER}:{USER}:nonroot:/data:/sbin/nologin\n")
    (root / "etc/group").write_text(f"nonroot:x:{USER}:\n")
    (root / "data").mkdir(mode=0o700)
    os.chown(root / "data", USER, USER)
    os.chmod(root, 0o755)


def inside(root):
    """Makes the child process a process of the image."""

    def enter():
        os.chroot(root)
        os.chdir("/data")
        os.setgroups([])
        os.setgid(USER)
        os.setuid(USER)

    return enter


def run(root, words, **options):
    return subprocess.Popen(words, preexec_fn=inside(root), stdin=subprocess.DEVNULL, **options)


def wait_for(what, done):
    deadline = time.monotonic() + START_S
    while not done():
        if time.monotonic() > deadline:
            sys.exit(f"error: {what} did not come in {START_S} s")
        time.sleep(0.05)


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def end(process, name):
    process.send_signal(signal.SIGTERM)
    status = process.wait(timeout=30)
    if status not in (0, -signal.SIGTERM):
        sys.exit(f"error: {name} ended with {status}")


def desk(root):
    """Starts venues and node as compose.yaml does, looks at the node from inside, and ends both."""
    services = commands()
    metrics = services["venues"][services["venues"].index("--metrics-listen") + 1]
    said = tempfile.TemporaryFile("w+")
    log = {"stdout": subprocess.DEVNULL, "stderr": said}
    venues = run(root, services["venues"], **log)
    node = None
    try:
        wait_for("node.toml", (root / "data/node.toml").exists)
        checked = run(root, ["/usr/local/bin/rutter", "check-config", "/data/node.toml"], **log)
        if checked.wait() != 0:
            sys.exit("error: check-config refuses node.toml")
        node = run(root, services["node"], **log)
        wait_for("/ready", lambda: answers(f"http://{metrics}/ready"))
        look = ["/usr/local/bin/rutter", "ctl", "--config", "/data/node.toml", "venues"]
        shown = run(root, look, stdout=subprocess.PIPE, text=True)
        text, _ = shown.communicate(timeout=30)
        if shown.returncode != 0 or "binance" not in text or "kraken" not in text:
            sys.exit(f"error: ctl venues: {shown.returncode}\n{text}")
        end(node, "node")
        node = None
        end(venues, "venues")
        venues = None
    except BaseException:
        said.seek(0)
        sys.stderr.write(said.read())
        raise
    finally:
        for process in (node, venues):
            if process and process.poll() is None:
                process.kill()


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    if len(sys.argv) > 2:
        subprocess.run([sys.argv[2], HERE / "Dockerfile"], check=True)
    if os.geteuid() != 0:
        print("notice: the desk of compose.yaml is not run: a fresh root folder needs root")
        return
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        fresh_root(programs, root)
        desk(root)
    print("deploy/docker: Dockerfile and the desk of compose.yaml are sound")


if __name__ == "__main__":
    main()
