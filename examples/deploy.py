# pyrelukko, against `spicelock serve`: a Python program takes a lock that Node programs and CI jobs take, too.
#
#   pip install pyrelukko
#   LOCKS_URL=http://locks.example:3000 LOCKS_KEY=a-long-and-secret-key python3 examples/deploy.py
import os

from pyrelukko import RelukkoClient

relukko = RelukkoClient(base_url=os.environ["LOCKS_URL"], api_key=os.environ["LOCKS_KEY"])

# Waits for ten minutes at most: then it is None, and somebody else still holds the lock.
lock = relukko.acquire_relukko("deploy-staging", "deploy.py", 600)
if lock is None:
    raise SystemExit("deploy-staging is still held by somebody else")
try:
    print(lock.lock_name, "is held by", lock.creator, flush=True)
    relukko.keep_relukko_alive(lock.id)  # for five more minutes; call it again in time while the work goes on
    print("deploying", flush=True)
finally:
    relukko.delete_relukko(lock.id)
print("released")
