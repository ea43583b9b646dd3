"""Runs with pytest, or alone. With ROSTRUM, the path of the program, it needs no container."""

import os
import pathlib
import urllib.request

import rostrum_container

SEED = (pathlib.Path(__file__).parent.parent / "seed.yaml").read_text(encoding="utf-8")


def test_server_is_ready_with_its_seed():
    program = os.environ.get("ROSTRUM")
    with rostrum_container.start_process(program, SEED) if program else rostrum_container.start(seed=SEED) as server:
        assert urllib.request.urlopen(server.endpoint + "/readyz").status == 200
        assert server.seed["stages"]["lobby"]["arn"].startswith("arn:aws:ivs:")
        assert server.seed["stages"]["lobby"]["participantTokens"][0]["userId"] == "alice"
        assert server.boto3()["aws_access_key_id"] == rostrum_container.ACCESS_KEY


if __name__ == "__main__":
    test_server_is_ready_with_its_seed()
    print("ok")
