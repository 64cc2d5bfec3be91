"""``python -m samples.echo``: the echo server and its page, until Ctrl-C."""

from __future__ import annotations

import argparse
import time

from samples.echo.server import HOST, PORT, serving


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m samples.echo", description="WebSocket echo server with its page.")
    parser.add_argument("--port", type=int, default=PORT)
    with serving(parser.parse_args().port) as port:
        print(f"Open http://{HOST}:{port}/ in a browser. To see what goes over the wire:\n")
        print(f"  sudo tcpdump -i lo -w echo.pcap 'tcp port {port}'     (on macOS: -i lo0)")
        print("  wsanalyzer walkthrough echo.pcap\n")
        print("Ctrl-C ends it.", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
