"""Compares the facts of the API in this repository with the model in the newest botocore.

Usage: model.py WHEEL REPOSITORY. Prints what differs, a line each, and exits with 1 if anything does.
"""

import gzip
import json
import pathlib
import re
import sys
import zipfile

def read_model(wheel, service):
    """The newest version of a service's model in a botocore wheel."""
    with zipfile.ZipFile(wheel) as z:
        names = sorted(n for n in z.namelist() if re.fullmatch(rf"botocore/data/{service}/[^/]+/service-2\.json(\.gz)?", n))
        data = z.read(names[-1])
        return json.loads(gzip.decompress(data) if names[-1].endswith(".gz") else data)


def unanchored(pattern):
    """A pattern without ^ and $: patterns are anchored whether they say so or not."""
    return pattern and re.sub(r"^\^([^|]*)\$$", r"\1", pattern)


def limits_of_model(shape):
    limits = {"min": shape.get("min"), "max": shape.get("max"), "pattern": unanchored(shape.get("pattern")), "enum": shape.get("enum")}
    return {k: v for k, v in limits.items() if v is not None}


def from_model(model):
    """Operations and shapes of a botocore model, as this program compares them."""
    operations, shapes = {}, {}
    for name, o in model["operations"].items():
        operations[name] = {
            "method": o["http"]["method"],
            "uri": o["http"]["requestUri"],
            "input": o.get("input", {}).get("shape"),
            "output": o.get("output", {}).get("shape"),
            "errors": sorted(e["shape"] for e in o.get("errors", [])),
        }
    for name, s in model["shapes"].items():
        members = {}
        for member, m in s.get("members", {}).items():
            members[member] = {
                "target": m["shape"],
                "required": member in s.get("required", []),
                "location": m.get("location", "body"),
                "name": m.get("locationName", member),
            }
        shapes[name] = {
            "type": s["type"],
            "members": members,
            "inner": [s[k]["shape"] for k in ("member", "key", "value") if k in s],
            "limits": limits_of_model(s),
            "status": s.get("error", {}).get("httpStatusCode") if s.get("exception") else None,
        }
    return operations, shapes


def first(fact, *names):
    return next((fact[n] for n in names if fact.get(n) is not None), None)


def from_facts(facts):
    """The same of a file of facts."""
    operations, shapes = {}, {}
    for name, o in facts["operations"].items():
        operations[name] = {
            "method": o["method"],
            "uri": o["uri"],
            "input": o["input"],
            "output": o["output"] if o["output"] != "Unit" else None,
            "errors": sorted(e["shape"] if isinstance(e, dict) else e for e in o["errors"]),
        }
    for name, s in facts["shapes"].items():
        length, size = s.get("length") or {}, s.get("range") or {}
        limits = {
            "min": first({**s, **length, **size}, "minLength", "minItems", "minEntries", "minimum", "min"),
            "max": first({**s, **length, **size}, "maxLength", "maxItems", "maxEntries", "maximum", "max"),
            "pattern": unanchored(s.get("pattern")),
            "enum": s.get("enum") or s.get("values"),
        }
        members = {}
        for member, m in (s.get("members") or {}).items():
            location = {"query": "querystring"}.get(m.get("location"), m.get("location") or "body")
            members[member] = {
                "target": m.get("target") or m["shape"],
                "required": bool(m.get("required")),
                "location": location,
                "name": m.get("locationName", member),
            }
        error = s.get("error") or {}
        shapes[name] = {
            "type": "string" if s["type"] == "enum" else s["type"],
            "members": members,
            "inner": [s[k] for k in ("member", "key", "value") if s.get(k)],
            "limits": {k: v for k, v in limits.items() if v is not None},
            "status": error.get("httpStatus", s.get("httpStatus")),
        }
    return operations, shapes


def differences(at, ours, theirs):
    """Yields the place and text of each difference."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs)):
            here = f"{at}.{key}"
            if key not in ours:
                yield here, f"new: {json.dumps(theirs[key])}"
            elif key not in theirs:
                yield here, "gone"
            else:
                yield from differences(here, ours[key], theirs[key])
    elif ours != theirs:
        yield at, f"{json.dumps(ours)} is now {json.dumps(theirs)}"


def compare(service, facts, model, unsupported=()):
    operations, shapes = from_facts(facts)
    new_operations, new_shapes = from_model(model)
    for name in unsupported:
        if new_operations.pop(name, None) is None:
            yield f"{service}: {name}", "is listed as unsupported and gone"
    yield from differences(service + ": operations", operations, new_operations)
    if unsupported:  # of the model, what the served operations reach; its headers are on every answer
        new_shapes = {n: s for n, s in new_shapes.items() if n in shapes}
        for s in new_shapes.values():
            s["members"] = {n: m for n, m in s["members"].items() if m["location"] != "header"}
    yield from differences(service + ": shapes", shapes, new_shapes)


def main(wheel, repository):
    root = pathlib.Path(repository)
    source = (root / "internal/ivs/operation.go").read_text()
    unsupported = re.findall(r'"(\w+)"', source.split("var Unsupported")[1].split("\n}")[0])
    found = [
        *compare("ivs-realtime", json.loads((root / "ivsrealtime/testdata/api.json").read_text()), read_model(wheel, "ivs-realtime")),
        *compare("ivs", json.loads((root / "internal/ivs/testdata/channels-api.json").read_text()), read_model(wheel, "ivs"), unsupported),
    ]
    for at, what in found:
        print(f"{at}: {what}")
    print(f"{pathlib.Path(wheel).name}: {len(found)} differences")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
