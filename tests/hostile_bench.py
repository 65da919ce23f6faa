"""A bench whose model and texts would run and load what they can, and one of rich text."""

from __future__ import annotations

from typing import Any

from browser_site import question
from conftest import Workspace

EVIL = "http://evil.example"
HOSTILE = f"""<script>window.stolen = "script"</script> <img src=x onerror="window.stolen = 'img'">
![pixel]({EVIL}/pixel.png) [click](javascript:window.stolen='link') <iframe src="{EVIL}"></iframe>
<style>@import "{EVIL}/x.css"; body {{ background: url({EVIL}/x.png) }}</style>
<link rel=stylesheet href={EVIL}/y.css> <svg onload="window.stolen = 'svg'"></svg>
${{window.stolen = 'template'}} {{{{window.stolen}}}} $<img src=x onerror="window.stolen='math'">$
%%%LATEX_BLOCK_0%%% \\(\\href{{javascript:window.stolen='tex'}}{{x}}\\)
\\(\\includegraphics{{{EVIL}/z.png}}\\)
"""
RICH = """# 제목

**굵게(bold)**는 이렇게, inline $a_b<c^2$ and

$$\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$$

\\[
\\begin{aligned} x &= 1 \\\\ y &= 2 \\end{aligned}
\\]

| left | right |
|:--|--:|
| 한글 | `x` |

```python
def f(x):
    return "<b>"
```

שלום עולם

It costs $5 to $10.

$$a$$ is **first**, and $$b$$ second.

> $$
> c=d
> $$
"""


MODEL = "<img src=x onerror=alert(1)>"  # a file can have this name


def judgment(number: int, *games: tuple[str | None, str]) -> dict[str, Any]:
    played = [{"user_prompt": "asked", "judgment": said, "score": label} for label, said in games]
    known = {"question_id": f"q{number}", "model": MODEL, "judge": "judge", "baseline": "base"}
    return known | {"games": played}


def make_bench(bench: Workspace) -> None:
    bench.add_questions(
        [question(1, HOSTILE, "hostile"), question(2, RICH, "rich"), question(3, "plain", "plain")]
    )
    bench.add_answers(MODEL, {"q1": HOSTILE, "q2": RICH, "q3": "zebra of the model"})
    bench.add_answers("base", {"q1": HOSTILE, "q2": RICH, "q3": "okapi of the baseline"})
    records = [
        judgment(1, ("A>B", HOSTILE), ("A>B", HOSTILE)),
        judgment(2, ("A=B", RICH), (None, "I cannot say")),
        judgment(3, ("B>>A", "the zebra wins"), ("B>A", "the okapi wins")),
    ]
    bench.write(bench.data / "model_judgment" / "judge" / f"{MODEL}.jsonl", records)
