"""What can be wrong with the text of an answer."""

from __future__ import annotations

import pytest

from arena.datasets.checks.texts import is_damaged, is_error, is_in_other_script

KOREAN = (
    "달력 위젯이 파리에서는 날짜를 잘못 보여 줍니다. "
    "원인을 설명하고 함수를 고쳐 주세요. 시험도 하나 적어 주세요."
)
ENGLISH = "The calendar widget shows wrong days in Paris. Explain why, and mend the function."
JAPANESE = (
    "カレンダーはパリで間違った日付を表示します。"
    "理由を説明して、関数を直してください。テストも書いてください。"
)
CODE = "```python\n" + "def days(start, end):\n    return list(range(start, end))\n" * 5 + "```\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$ERROR$", True),
        ("Error: rate limit exceeded, try again in 20 s", True),
        ("Error code: 429 - {'message': 'slow down'}", True),
        ('{"error": {"message": "overloaded"}}', True),
        ("Traceback (most recent call last):\n  File ...", True),
        (
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
            "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n",
            True,
        ),
        ("<!DOCTYPE html><html><head><title>404 - my page</title></head><p>Lost?</html>", False),
        ("Errors are values in Go.", False),
        ("Error handling in Rust rests on two enums. " * 30, False),
        ("Traceback (most recent call last) is the first line that Python prints. " * 20, False),
        ("", False),
    ],
)
def test_a_message_of_a_failed_call_is_told_from_an_answer(text: str, told: bool) -> None:
    assert is_error(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("The caf\u00c3\u00a9 is na\u00c3\u00afve", True),
        ("It\u00e2\u20ac\u2122s what it\u00e2\u20ac\u2122s worth", True),
        ("a \ufffd here", True),
        ("half a character: \ud83d", True),
        ("Ângela não está em São Paulo. À côté, l’été.", False),
        (KOREAN, False),
        ("😀 – “quoted” …", False),
    ],
)
def test_a_text_of_a_wrong_encoding_is_found(text: str, told: bool) -> None:
    assert is_damaged(text) == told


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        (KOREAN, ENGLISH * 3, True),
        (ENGLISH, KOREAN, True),
        (KOREAN, JAPANESE, True),
        (KOREAN, KOREAN + ENGLISH * 3, False),  # it begins in its language
        (KOREAN, CODE, False),
        (f"Translate: {KOREAN}", KOREAN, False),
        (f"영어로 옮겨 주세요: {ENGLISH}", ENGLISH, False),
        (KOREAN, "Yes.", False),  # too short to tell
        (ENGLISH, ENGLISH, False),
    ],
)
def test_an_answer_in_another_script_is_found(question: str, answer: str, told: bool) -> None:
    assert is_in_other_script(question, answer) == told
