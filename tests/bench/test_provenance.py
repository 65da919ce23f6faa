"""Hashes that tell one prompt from another."""

from __future__ import annotations

from arena.bench.provenance import prompt_hash


class TestPromptHash:
    def test_it_is_the_same_on_every_machine_and_in_every_version(self) -> None:
        assert prompt_hash("Be fair.", ["{QUESTION}"]) == "fa6ab5871b5496a5"

    def test_it_tells_prompts_apart(self) -> None:
        prompts = [("a", ["b"]), ("b", ["a"]), ("", ["ab"]), ("ab", []), ("a", ["b", ""])]
        hashes = {prompt_hash(system, template) for system, template in prompts}
        assert len(hashes) == len(prompts)

    def test_any_text_has_one(self) -> None:
        assert len(prompt_hash("공정하게", ["lone surrogate \ud800"])) == 16
