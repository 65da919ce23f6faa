"""Text in any script through the whole pipeline, whatever the locale of the machine."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import REPO, Workspace
from fake_api import Call, FakeAPI

TEXTS = {
    "ko": ("한국의 수도는 어디인가요?", "서울입니다.", "두 답변을 한국어로 비교하세요."),
    "ru": ("Какая столица России?", "Москва — столица.", "Сравните ответы по-русски."),
    "ar": ("ما هي عاصمة مصر؟", "القاهرة هي العاصمة.", "قارن بين الإجابتين بالعربية."),
}
JUDGE_PROMPT = "질문 · вопрос · سؤال: {QUESTION}\nА: {ANSWER_A}\nب: {ANSWER_B}"
SYSTEM = " ".join(system for _, _, system in TEXTS.values())
VERDICT = "판정 · вердикт · الحكم: [[B>A]]"

C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"}
LOCALES: dict[str, tuple[dict[str, str], str]] = {
    "C, file names too": (C_LOCALE, "한국어-모델/модель-نموذج"),
    "C without Python's UTF-8 mode": (C_LOCALE | {"PYTHONUTF8": "0"}, "model"),
}

# The scripts one after the other; a process for each would import their packages each time.
PIPELINE = """
import sys
from add_markdown_info import main as measure
from gen_answer import main as answer
from gen_judgment import main as judge

sys.exit(answer([]) or judge([]) or measure(["--dir", sys.argv[1]]))
"""


def set_up(bench: Workspace, api: FakeAPI, model: str) -> None:
    """Three questions in three languages, answered by `base`; a judge who knows them all."""
    bench.add_questions(
        [
            {"question_id": "ko", "turns": [{"content": TEXTS["ko"][0]}]},
            {"question_id": "ru", "category": "русский", "turns": [{"content": TEXTS["ru"][0]}]},
            {"uid": "ar", "category": "العربية", "prompt": TEXTS["ar"][0]},
        ]
    )
    bench.add_answers("base", {key: f"base: {text}" for key, (_, text, _) in TEXTS.items()})
    bench.add_model(model, api.v1, model_name="tiny", system_prompt=SYSTEM)
    bench.add_model("judge", api.v1)
    bench.write_answer_config(model_list=[model])
    bench.write_judge_config(
        "judge", "base", system_prompt=SYSTEM, prompt_template=JUDGE_PROMPT, model_list=[model]
    )
    by_question = {question: text for question, text, _ in TEXTS.values()}
    api.answer_with(lambda call: by_question.get(call.prompt, VERDICT))


def texts_of(record: dict[str, Any]) -> list[str]:
    if "uid" in record:
        return [record["messages"][0]["content"], record["messages"][1]["content"]["answer"]]
    return [record["choices"][0]["turns"][0]["content"]]


@pytest.mark.parametrize("locale", LOCALES)
def test_text_stays_what_it_is_on_the_wire_and_readable_in_the_files(
    api: FakeAPI, bench: Workspace, locale: str
) -> None:
    env, model = LOCALES[locale]
    set_up(bench, api, model)
    bench.write("pipeline.py", PIPELINE)
    answers, path = bench.data / "model_answer", {"PYTHONPATH": str(REPO)}
    done = bench.run(str(bench.root / "pipeline.py"), answers, env=env | path, check=0)
    assert all(f"{model}: {n} planned, {n} done" in done.stdout for n in (3, 6))
    assert "warning" not in done.stderr
    assert f"{model}.jsonl: 0 of 3 answers measured, 3 kept" in done.stdout
    assert "base.jsonl: 3 of 3 answers measured" in done.stdout

    def calls_of(name: str) -> list[Call]:
        return [call for call in api.calls if call.model == name]

    asked = {call.prompt for call in calls_of("tiny")}
    assert asked == {question for question, _, _ in TEXTS.values()}
    shown = {call.prompt for call in calls_of("judge")}
    assert shown == {
        JUDGE_PROMPT.format(QUESTION=question, ANSWER_A=first, ANSWER_B=second)
        for question, text, _ in TEXTS.values()
        for first, second in [(text, f"base: {text}"), (f"base: {text}", text)]
    }
    assert {call.system for call in api.calls} == {SYSTEM}

    ar, ko, ru = bench.answers(model)
    assert texts_of(ar) == list(TEXTS["ar"][:2])
    assert [texts_of(ko), texts_of(ru)] == [[TEXTS["ko"][1]], [TEXTS["ru"][1]]]
    raw = (bench.data / "model_answer" / f"{model}.jsonl").read_bytes()
    assert all(text.encode() in raw for _, text, _ in TEXTS.values()) and b"\\u" not in raw
    measured = (bench.data / "model_answer" / "base.jsonl").read_bytes()
    assert all(text.encode() in measured for _, text, _ in TEXTS.values())
    raw = (bench.data / "model_judgment" / "judge" / f"{model}.jsonl").read_bytes()
    assert raw.count(VERDICT.encode()) == 6 and "العربية".encode() in raw and b"\\u" not in raw


def test_a_locale_without_such_file_names_gets_one_line(api: FakeAPI, bench: Workspace) -> None:
    model = "한국어-모델"
    set_up(bench, api, model)
    done = bench.run("gen_answer.py", env=C_LOCALE | {"PYTHONUTF8": "0"}, check=2)
    assert done.stderr.startswith(f"error: model name '{model}': ")
    assert "Set PYTHONUTF8=1" in done.stderr and done.stderr.count("\n") == 1
    assert api.call_count == 0
