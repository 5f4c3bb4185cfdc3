#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reduce the C form of a kernel's BTF to a list of root types and what they are made of.

usage: bpftool btf dump file /sys/kernel/btf/vmlinux format c | closure.py roots.txt >vmlinux.h

bpftool writes each top-level definition as a paragraph and in dependency order, so keeping
the wanted paragraphs in their order is enough. A type used only behind a pointer needs no
more than its name: it is kept out, and a forward declaration is written instead.
"""
import re
import sys

DEFINES = re.compile(r"^(?P<kind>struct|union|enum) (?P<tag>\w+) \{|^typedef .*?(?P<alias>\w+)(\)\(.*\)|(\[\w*\])+)?;$")
ENUMERATOR = re.compile(r"^\t(\w+) = ", re.M)
POINTER = re.compile(r"\b(struct|union) (\w+) \*")
# a word in the place of a type: first on its line, or first behind "typedef"
TYPE = re.compile(r"^\s*(?:typedef )?(?:const )?(\w+) ", re.M)
TAGGED = re.compile(r"\b(struct|union|enum) (\w+)")


def paragraphs(text):
    """Top-level definitions: {name: text}, where name is "struct foo", "typedef bar" or "enum:FIRST"."""
    found = {}
    for part in text.split("\n\n"):
        match = DEFINES.match(part.replace("\n", " ") if part.startswith("typedef") else part)
        if part.startswith("enum") and ENUMERATOR.search(part):
            found["enum:" + ENUMERATOR.search(part).group(1)] = part
        elif match:
            kind = match.group("kind")
            found[f"{kind} {match.group('tag')}" if kind else f"typedef {match.group('alias')}"] = part
    return found


def aliases(found):
    """Every other name by which a definition is asked for."""
    names = {name: name for name in found}
    for name, part in found.items():
        if name.startswith("enum:"):
            for enumerator in ENUMERATOR.findall(part):
                names.setdefault("enum:" + enumerator, name)
            tag = re.match(r"enum (\w+) \{", part)
            if tag:
                names["enum " + tag.group(1)] = name
    return names


def needs(part, names):
    """Names of the definitions that must precede this one."""
    body = POINTER.sub("void *", part)
    for kind, tag in TAGGED.findall(body):
        if kind + " " + tag in names:
            yield names[kind + " " + tag]
    for word in set(TYPE.findall(body)):
        if "typedef " + word in names:
            yield names["typedef " + word]


def closure(roots, found, names):
    wanted, todo = set(), []
    for root in roots:
        if root not in names:
            sys.exit(f"closure.py: this kernel's BTF has no {root}")
        todo.append(names[root])
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo.extend(needs(found[name], names))
    return wanted


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        roots = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    found = paragraphs(sys.stdin.read())
    wanted = closure(roots, found, aliases(found))
    kept = [part for name, part in found.items() if name in wanted]
    forward = sorted({f"{kind} {tag}" for part in kept for kind, tag in POINTER.findall(part)} - wanted)
    print("\n".join(f"{name};" for name in forward))
    print("\n" + "\n\n".join(kept))


if __name__ == "__main__":
    main()
