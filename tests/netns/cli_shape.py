# SPDX-License-Identifier: Apache-2.0
"""
Is what a command printed with --json strict JSON, with the keys and types that xswan(8) promises, all of them and no others?

    python3 cli_shape.py PAGE COMMAND FILE          one object or array
    python3 cli_shape.py PAGE COMMAND FILE lines    an object on each line
    python3 cli_shape.py PAGE --list                commands that the page has a shape for

A shape is a block of lines "path type[|type…][?] text" below ".Ss COMMAND[, COMMAND…]" in the page's section JSON.
"""
import json
import re
import sys

TYPES = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "null": lambda v: v is None,
}
LINE = re.compile(r"(\S+)\s+([a-z]+(?:\|[a-z]+)*)(\?)?(?:\s|$)")


class Node:
    def __init__(self):
        self.below, self.types, self.optional = {}, None, False


def add(root, path, types, optional):
    node = root
    for word in re.findall(r"\[\]|[^.\[]+", path):
        node = node.below.setdefault(word, Node())
    node.types, node.optional = types.split("|"), bool(optional)
    assert all(t in TYPES for t in node.types), f"{path}: {types}"


def shapes(page):
    section = re.search(r"^\.Sh JSON\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    found = {}
    for names, body in re.findall(r"^\.Ss ([^\n]*)\n(.*?)(?=^\.Ss |\Z)", section, re.M | re.S):
        root = Node()
        for block in re.findall(r"^\.Bd -literal\n(.*?)^\.Ed", body, re.M | re.S):
            for line in block.splitlines():
                if line[0] != " ":
                    add(root, *LINE.match(line).groups())
        found.update({name: root for name in names.split(", ")})
    return found


def check(node, value, path):
    if node.types:
        assert any(TYPES[t](value) for t in node.types), f"{path} is {value!r}, and should be {'|'.join(node.types)}"
        if value is None or not node.below:
            return
    if "[]" in node.below:
        assert isinstance(value, list), f"{path} should be an array"
        for i, one in enumerate(value):
            check(node.below["[]"], one, f"{path}[{i}]")
        return
    assert isinstance(value, dict), f"{path} should be an object"
    for key, below in value.items():
        if "**" in node.below:
            check_any(node.below["**"], below, f"{path}.{key}")
            continue
        assert key in node.below or "*" in node.below, f"{path}.{key} is not in the page"
        check(node.below.get(key) or node.below["*"], below, f"{path}.{key}")
    for key, below in node.below.items():
        assert key in ("*", "**") or below.optional or key in value, f"{path}.{key} is missing"


def check_any(leaf, value, path):
    if isinstance(value, (dict, list)):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            check_any(leaf, below, f"{path}.{key}")
    else:
        check(leaf, value, path)


def unique(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
    return dict(pairs)


def no_constant(word):
    raise ValueError(f"{word} is not JSON")


def parse(text):
    return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        known = shapes(f.read())
    if sys.argv[2] == "--list":
        print("\n".join(known))
        return
    with open(sys.argv[3], encoding="utf-8", errors="strict") as f:
        text = f.read()
    assert "\033" not in text, "it steers a terminal"
    assert text.endswith("\n"), "it does not end with a newline"
    documents = text.splitlines() if len(sys.argv) > 4 else [text]
    assert documents, "there is nothing"
    for document in documents:
        check(known[sys.argv[2]], parse(document), "")


try:
    main()
except (AssertionError, ValueError, KeyError) as error:
    sys.exit(f"{sys.argv[2]}: {error!r}")
