"""The search for keys and other secrets in what is shared."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping

from arena.base.errors import InputError, one_line

# Fields of settings, and the forms of keys of the providers that we know. JSON writes the end of a
# line as a letter, which must not hide the key that begins the next one.
KEYS = re.compile(
    rb'"(?:api_key|api_base|authorization)"\s*:\s*"|'
    rb"(?:\b|(?<=\\[bfnrt]))(?:"
    rb"(?:sk-|xai-|hf_|gsk_|AIza|r8_|nvapi-|fw_|tgp_v1_|gh[pousr]_|github_pat_)[A-Za-z0-9_-]{24,}"
    rb"|AKIA[A-Z0-9]{16}\b|eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.)"
)
SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)$", re.IGNORECASE)
LEAST_SECRET = 8  # characters of a variable's value that is looked for


def secret_values() -> Iterator[tuple[str, bytes]]:
    """Yield the variables of the environment whose names say that they are secret, and their
    values: as they are, and as JSON writes them in both of its ways.
    """
    for name, value in os.environ.items():
        value = value.strip()
        if SECRET_NAME.search(name) and len(value) >= LEAST_SECRET:
            forms = value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
            for form in dict.fromkeys(forms):
                yield name, os.fsencode(form)


def check_secrets(files: Mapping[str, bytes], accepted: Collection[str]) -> None:
    """Raise InputError if a file has a key or an address of an endpoint in it, or the value of a
    variable whose name says that it is secret. `accepted`: keys that answers may have as examples.
    """
    known, newline = [text.encode() for text in accepted], b"\n"
    values = list(secret_values())
    for name, content in files.items():
        named = next(((variable, value) for variable, value in values if value in content), None)
        keys = (match for match in KEYS.finditer(content) if match[0] not in known)
        found = None if named else next(keys, None)
        if not named and not found:
            continue
        offset = content.index(named[1]) if named else found.start() if found else 0
        line = f":{content.count(newline, 0, offset) + 1}" if newline in content else ""
        what, advice = f"the value of {named[0]}" if named else "", "Remove it before you share it."
        if found:  # the rest of the key belongs in no log
            what = f"what looks like a key or an address, {one_line(found[0][:8].decode())}..."
            advice += " Accept an example with --accept-key KEY."
        raise InputError(f"{name}{line}: {what}. {advice}")
