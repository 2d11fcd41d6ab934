"""Servers that a DVC remote can be on, each started on a free port of this machine and ended with the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NGINX_MODULES = Path("/usr/lib/nginx/modules")


@dataclass(frozen=True)
class Server:
    """The address of a remote, the server's folder for it, and the settings and variables that a user needs."""

    url: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def holds_a_file(self) -> bool:
        """Whether a file has arrived, at least in part."""
        try:
            return any(path.is_file() and path.stat().st_size for path in self.folder.rglob("*"))
        except FileNotFoundError:  # it got its name meanwhile
            return True


@contextmanager
def sshd(folder: Path, bin: Path) -> Iterator[Server]:
    """OpenSSH, which lets this user in by a key."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        pytest.skip("no sshd on this machine: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # which the system's service makes
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/user_key.pub\nPasswordAuthentication no\nUsePAM no\n"
        "Subsystem sftp internal-sftp\n"
    )
    with running(port, program, "-D", "-e", "-f", str(folder / "sshd_config"), log=folder / "log"):
        store = folder / "store"
        yield Server(f"ssh://127.0.0.1:{port}{store}", store, secrets={"keyfile": str(folder / "user_key")})


@contextmanager
def nginx(folder: Path, bin: Path, scheme: str = "webdav") -> Iterator[Server]:
    """nginx with WebDAV, which asks for a password."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    module = NGINX_MODULES / "ngx_http_dav_ext_module.so"
    if program is None or not module.exists():
        pytest.skip("no nginx with WebDAV on this machine: apt-get install nginx-light libnginx-mod-http-dav-ext")
    store = folder / "store"
    (store / "data").mkdir(parents=True)  # DVC does not make the folder of a webdav:// address
    port = free_port()
    (folder / "passwords").write_text("jane:{PLAIN}s3cret\n")
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = "".join(
        f"{kind}_temp_path {folder}/temporary;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""{user} load_module {module}; daemon off; pid {folder}/pid; error_log stderr;
        events {{}}
        http {{
            access_log off; {temporary} client_max_body_size 0;
            server {{
                listen 127.0.0.1:{port}; root {store};
                auth_basic store; auth_basic_user_file {folder}/passwords;
                dav_methods PUT DELETE MKCOL COPY MOVE; dav_ext_methods PROPFIND OPTIONS; create_full_put_path on;
            }}
        }}"""
    )
    with running(port, program, "-c", str(folder / "nginx.conf"), "-p", str(folder), log=folder / "log"):
        settings = {"user": "jane"} | ({"auth": "basic", "method": "PUT"} if scheme == "http" else {})
        yield Server(f"{scheme}://127.0.0.1:{port}/data", store / "data", settings, {"password": "s3cret"})


@contextmanager
def nanio(folder: Path, bin: Path) -> Iterator[Server]:
    """An S3 server that keeps each bucket in a folder."""
    store = folder / "store" / "bucket"
    store.mkdir(parents=True)
    port = free_port()
    keys = {"NANIO_ACCESS_KEY": "jane", "NANIO_SECRET_KEY": "s3cret-key"}
    options = ("--data-dir", str(store.parent), "--host", "127.0.0.1", "--port", str(port), "--no-access-log")
    with running(port, str(bin / "nanio"), "serve", *options, log=folder / "log", variables=keys):
        yield Server(
            "s3://bucket/data",
            store / "data",
            {"endpointurl": f"http://127.0.0.1:{port}"},
            variables={
                "AWS_ACCESS_KEY_ID": "jane",
                "AWS_SECRET_ACCESS_KEY": "s3cret-key",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )


@contextmanager
def running(port: int, *command: str, log: Path, variables: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server until the end of the block, once it listens on its port."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **(variables or {})}) as server,
    ):
        try:
            deadline = time.monotonic() + 30
            while not listens(port):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text(errors="replace")
                time.sleep(0.1)
            yield
        finally:
            server.terminate()


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
