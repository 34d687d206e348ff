"""Writes a first corpus for each fuzz target out of tests/vectors: seeds.py FOLDER"""
import json
import pathlib
import sys

vectors = pathlib.Path(__file__).parent.parent / "vectors"
corpus = pathlib.Path(sys.argv[1])


def seed(target, name, octets):
    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


for line in (vectors / "messages.jsonl").open():
    vector = json.loads(line)
    octets = bytes.fromhex(vector["hex"])
    if vector["layer"] == "rp":
        seed("rp", vector["id"], octets)
    else:
        carrier = {"ack": 2, "error": 3}.get(vector.get("ctx"), 0)
        seed("tpdu", vector["id"], bytes([carrier << 1 | (vector["dir"] == "mt")]) + octets)
    if "text" in vector["expect"]:
        language = vector["expect"].get("nl", {}).get("single", 0) & 15
        seed("text", vector["id"], bytes([0, language]) + vector["expect"]["text"].encode())
