"""Leases and locks by Debian's python3-etcd3, a client that people use: python-etcd3.py PORT."""

import sys

import etcd3

client = etcd3.client(host="127.0.0.1", port=int(sys.argv[1]), timeout=10)

client.put("py/plain", "1")
assert client.get("py/plain")[0] == b"1"

lease = client.lease(60)
client.put("py/leased", "1", lease=lease)
assert lease.granted_ttl == 60
assert 0 < lease.remaining_ttl <= 60
assert lease.keys == [b"py/leased"]
assert [answer.TTL for answer in lease.refresh()] == [60]
lease.revoke()
assert client.get("py/leased") == (None, None)
assert lease.remaining_ttl == -1
assert [answer.TTL for answer in lease.refresh()] == [0]

fixed = client.lease(60, lease_id=1234)
assert fixed.id == 1234

with client.lock("py", ttl=60) as lock:
    assert lock.is_acquired()
# Waiting for a lock fails in Debian's build of the client, whatever the server.
assert client.lock("py", ttl=60).acquire(timeout=5)

assert client.replace("py/plain", "1", "2")
succeeded, _ = client.transaction(
    compare=[client.transactions.version("py/plain") == 2],
    success=[client.transactions.put("py/txn", "1")],
    failure=[],
)
assert succeeded
assert client.delete_prefix("py/plain").deleted == 1

events, cancel = client.watch("py/watched")
client.put("py/watched", "1", lease=client.lease(2))
kinds = [type(next(events)).__name__ for _ in range(2)]
cancel()
assert kinds == ["PutEvent", "DeleteEvent"], kinds
print("all well")
