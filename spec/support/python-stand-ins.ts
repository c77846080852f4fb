/** Of Spicerack's module `spicerack.locking`, as far as the program of the migration guide needs it. */
export const STAND_IN_OF_SPICERACK = `
from contextlib import contextmanager
COOKBOOKS_CUSTOM_PREFIX = "custom"
class Lock:
    @contextmanager
    def acquired(self, name, *, concurrency, ttl):
        print("Spicerack holds", self.prefix, name, flush=True)
        yield
def get_lock_instance(*, config_file, prefix, owner, dry_run=True):
    open(config_file).close()
    lock = Lock()
    lock.prefix = prefix
    return lock
`

/** Of pyrelukko, as far as the examples need it where it is not installed: the same calls, to the same server. */
export const STAND_IN_OF_PYRELUKKO = `
import json
from types import SimpleNamespace
from urllib.request import Request, urlopen
class RelukkoClient:
    def __init__(self, base_url, api_key):
        self.base_url, self.api_key = base_url, api_key
    def _call(self, method, path, body=None):
        headers = {"X-api-Key": self.api_key, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.base_url + "/v1/locks" + path, data, headers, method=method)) as answer:
            return SimpleNamespace(**json.load(answer))
    def acquire_relukko(self, lock_name, creator, max_run_time):
        return self._call("POST", "", {"lock_name": lock_name, "creator": creator})
    def keep_relukko_alive(self, lock_id):
        return self._call("GET", f"/{lock_id}/keep_alive")
    def delete_relukko(self, lock_id):
        return self._call("DELETE", f"/{lock_id}")
`
