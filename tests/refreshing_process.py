"""`python -m tests.refreshing_process CONNECTION THREADS`: threads that all need an access token at the same moment.

Prints `ready`, waits for a line on standard input, then prints how many threads got an answer from the provider.
Settings come from the environment, as for any process of the product.
"""

from __future__ import annotations

import sys
import threading

from app import create_app
from extensions import db
from models import Connection
from services import outbound, store
from services.actors import SYSTEM


def main() -> None:
    """Run."""
    connection_id, count = int(sys.argv[1]), int(sys.argv[2])
    app = create_app()
    barrier = threading.Barrier(count + 1)
    answered: list[str] = []

    def work() -> None:
        with app.app_context():
            connection = store.get(Connection, connection_id)
            store.release()
            barrier.wait()
            try:
                client = outbound.client_for(connection, SYSTEM)
                answered.append(client.values.credentials["access_token"])
            finally:
                db.session.remove()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    barrier.wait()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"{len(answered)} {len(set(answered))}\n")


if __name__ == "__main__":
    main()
