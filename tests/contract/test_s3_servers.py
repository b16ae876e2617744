"""What the S3 store relies on, asked of the servers themselves: a name is given once, whoever asks and however many."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3


@pytest.fixture(params=["minio_server", "seaweedfs_server"])
def server(request):
    return request.getfixturevalue(request.param)


def create(url, body):
    """PUT unless something is there; the status."""
    # A connection for each, as writers in other processes have: MinIO may close one on which it has said 412.
    with urllib3.PoolManager() as pool:
        return pool.request("PUT", url, body=body, headers={"If-None-Match": "*"}, retries=False).status


def test_an_sdk_client_makes_buckets(server):
    client = server.client()
    client.make_bucket("made-by-a-test")
    assert {"made-by-a-test", server.bucket} <= {bucket.name for bucket in client.list_buckets()}


def test_a_conditional_put_succeeds_once_and_keeps_the_first_body(server):
    client = server.client()
    url = client.presigned_put_object(server.bucket, "once", dt.timedelta(minutes=5))
    assert [create(url, b"first"), create(url, b"second")] == [200, 412]
    assert client.get_object(server.bucket, "once").data == b"first"


def test_of_many_conditional_puts_at_once_one_wins_and_its_body_stays(server):
    client = server.client()
    url = client.presigned_put_object(server.bucket, "contested", dt.timedelta(minutes=5))
    bodies = [f"writer {n}".encode() for n in range(16)]
    with ThreadPoolExecutor(len(bodies)) as pool:
        statuses = list(pool.map(lambda body: create(url, body), bodies))
    winner = client.get_object(server.bucket, "contested").data
    assert sorted(statuses) == [200] + [412] * 15
    assert winner == bodies[statuses.index(200)]
