"""Peers that are programs of the system: their configuration, and how to start them. All listen on 127.0.0.1 only.

Each function writes what its program needs into ``folder`` and gives the command that runs it in the foreground.
"""

from __future__ import annotations

from pathlib import Path

HOST = "127.0.0.1"
IDLE = 2
"""Seconds after which the proxies end a quiet connection: short, so that a recording can wait for it."""


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    """As its manual has it, in one process."""
    path = _written(
        folder / "nginx.conf",
        f"""
        daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; user root;
        events {{}}
        http {{
          access_log off;
          client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
          uwsgi_temp_path {folder}; scgi_temp_path {folder};
          server {{
            listen {HOST}:{port};
            location / {{
              proxy_pass http://{HOST}:{behind};
              proxy_http_version 1.1;
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection "upgrade";
              proxy_read_timeout {IDLE}s;
            }}
          }}
        }}
        """,
    )
    return ["nginx", "-p", str(folder), "-c", str(path)]


def haproxy(folder: Path, port: int, behind: int) -> list[str]:
    """Goes over to a tunnel by itself after a 101."""
    path = _written(
        folder / "haproxy.cfg",
        f"""
        global
          stats timeout 1s
        defaults
          mode http
          timeout connect 5s
          timeout client 10s
          timeout server 10s
          timeout tunnel {IDLE}s
        frontend in
          bind {HOST}:{port}
          default_backend out
        backend out
          server one {HOST}:{behind}
        """,
    )
    return ["haproxy", "-db", "-f", str(path)]


def apache2(folder: Path, port: int, behind: int) -> list[str]:
    """With mod_proxy_wstunnel, in one process."""
    modules = Path("/usr/lib/apache2/modules")
    path = _written(
        folder / "apache2.conf",
        f"""
        ServerRoot {folder}
        ServerName {HOST}
        Listen {HOST}:{port}
        PidFile {folder}/pid
        DefaultRuntimeDir {folder}
        ErrorLog {folder}/error.log
        LoadModule mpm_event_module {modules}/mod_mpm_event.so
        LoadModule authz_core_module {modules}/mod_authz_core.so
        LoadModule proxy_module {modules}/mod_proxy.so
        LoadModule proxy_http_module {modules}/mod_proxy_http.so
        LoadModule proxy_wstunnel_module {modules}/mod_proxy_wstunnel.so
        Timeout {IDLE}
        ProxyTimeout {IDLE}
        ProxyPass / ws://{HOST}:{behind}/
        """,
    )
    return ["apache2", "-X", "-f", str(path)]


def mosquitto(folder: Path, port: int) -> list[str]:
    """A broker with a WebSocket listener (libwebsockets inside). Without any other listener it refuses to start."""
    path = _written(
        folder / "mosquitto.conf",
        f"""
        user root
        log_dest none
        allow_anonymous true
        listener 0 {folder}/socket
        listener {port} {HOST}
        socket_domain ipv4
        protocol websockets
        """,
    )
    return ["mosquitto", "-c", str(path)]


def libwebsockets(folder: Path, port: int) -> list[str]:
    """The test server; the name of an interface is the only way to bind it to one."""
    return ["libwebsockets-test-server", f"--port={port}", "--interface=lo", "-d", "0"]


def _written(path: Path, text: str) -> Path:
    path.write_text("\n".join(line.strip() for line in text.splitlines()), encoding="utf-8")
    return path
