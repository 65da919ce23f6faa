"""Prompts of some subjects with random words between, for tests and benchmarks."""

from __future__ import annotations

import random

SUBJECTS = {
    "cooking": ("onions", "garlic", "oven", "recipe", "butter", "flour", "simmer", "pan", "dough"),
    "astronomy": ("planet", "orbit", "telescope", "galaxy", "star", "comet", "lunar", "eclipse"),
    "python": ("function", "class", "module", "import", "loop", "exception", "decorator", "dict"),
}
CHINESE_SUBJECTS = {
    "cooking": ("炒鸡蛋", "红烧肉", "烤箱", "洋葱", "面粉", "黄油", "酱油", "菜谱"),
    "astronomy": ("望远镜", "行星", "轨道", "星系", "月食", "彗星", "黑洞", "太阳"),
    "programming": ("函数", "列表", "异常", "循环", "变量", "递归", "数据库", "代码"),
    "history": ("唐朝", "长城", "皇帝", "丝绸之路", "战争", "革命", "科举", "明朝"),
}


def texts_of(count: int) -> list[str]:
    draw = random.Random(3)
    return [
        " ".join(draw.choices(SUBJECTS[subject], k=5) + draw.sample(range_words(), 9)) + "?"
        for subject in SUBJECTS
        for _ in range(count // 3)
    ]


def range_words() -> list[str]:
    draw = random.Random(4)
    return ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9))) for _ in range(900)]


def chinese_texts_of(count: int) -> list[str]:
    draw = random.Random(5)
    forms = (
        "请解释{}与{}，还有{}和{}。",
        "为什么{}比{}重要？{}、{}呢？",
        "帮我介绍{}、{}、{}以及{}",
    )
    return [
        draw.choice(forms).format(*draw.sample(words, 4))
        for words in CHINESE_SUBJECTS.values()
        for _ in range(count // 4)
    ]
