"""A site as a folder: all of its files, written beside it and put in its place at once."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.base.errors import InputError, uninterrupted
from arena.base.folders.scratch import remove_leftovers, scratch_folder
from arena.base.jsonl import writing
from arena.bench.paths import check_outside
from arena.bench.records import baseline_rule
from arena.browser.library import Library
from arena.browser.site.battles import FOLDER, Battles
from arena.browser.site.pages import Section, sections_of, shell, styles
from arena.browser.site.search import SearchIndex
from arena.leaderboard.options import BoardOptions

MARK = "site.json"
DOMAIN = "CNAME"  # which GitHub Pages writes for a domain of one's own. It stays.
OWN = re.compile(
    r"\.nojekyll|site\.(json|css|js)|search\.js|(index|clusters|judges|battles)\.html|"
    rf"{DOMAIN}|{FOLDER}(/[0-9a-f]{{16}}\.html)?"
)


@dataclass(frozen=True)
class Written:
    """A written site: the numbers of its files and bytes, and its battles in words."""

    files: int
    size: int
    battles: str


def check_target(target: Path, data_dir: Path | None = None) -> None:
    """Raise InputError as `check_folder` does, and for a target in the folder of the benches, whose
    folders are taken for benches.

    If a run was killed as it swapped, the old site is put back first. What it left is removed.
    """
    if data_dir:
        check_outside(target, data_dir, "the folder of benches")
    place = Path(os.path.abspath(target))

    def rescue(leftover: Path) -> None:
        if not os.path.lexists(place) and (leftover / "old").exists():
            os.replace(leftover / "old", place)

    remove_leftovers(place.parent, f".{place.name}.", rescue)
    check_folder(target)


def check_folder(target: Path) -> None:
    """Raise InputError unless a folder is new or empty, or a site without files of others."""
    if not target.exists() and not target.is_symlink():
        return
    advice = "Name a new folder, or an empty one."
    if target.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise InputError(f"{target}: is the folder of this command or above it. {advice}")
    if target.is_symlink() or not target.is_dir():
        raise InputError(f"{target}: is not a folder. {advice}")
    names = sorted(path.relative_to(target).as_posix() for path in target.rglob("*"))
    if names and MARK not in names:
        raise InputError(f"{target}: is neither empty nor a site. {advice}")
    if strange := [name for name in names if not OWN.fullmatch(name)]:
        raise InputError(f"{target / strange[0]}: is no file of the site. Move it away first.")


def write_site(options: Sequence[BoardOptions], target: Path, battles: int) -> Written:
    """Write a site with boards of some options to a folder, in place of an earlier site there, with
    at most a number of battles. The bench should have no other files than those to be shown.

    Raises InputError for a folder that has other files, and if there is no board.
    """
    check_target(target)
    place = Path(os.path.abspath(target))
    with writing(target):
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(place.parent, f".{place.name}.") as folder:
            new, old = folder / "new", folder / "old"
            (new / FOLDER).mkdir(parents=True)
            bench, config = options[0].bench, options[0].config

            @functools.cache
            def shown() -> Battles:
                library = Library(bench, baseline_rule(bench, config), config)
                return Battles.of(library, battles)

            sections = [*sections_of(options, lambda: {e.model for e in shown().entries})]
            files, size = 0, 0
            for name, content in site_files(sections, shown()):
                (new / name).write_bytes(content)
                files, size = files + 1, size + len(content)
            if place.exists():
                check_folder(target)
                if (place / DOMAIN).exists():
                    shutil.copy(place / DOMAIN, new)
            swap(new, place, old)
    return Written(files, size, shown().coverage)


def swap(new: Path, place: Path, old: Path) -> None:
    """Put a folder in the place of another one, if there is one, which gets the name of `old`.

    A signal does not come between: the place has a whole folder whenever a script stops.
    """
    with uninterrupted():
        if place.exists():
            os.replace(place, old)
        try:
            os.replace(new, place)
        except OSError:
            if old.exists():
                os.replace(old, place)
            raise


def site_files(sections: Sequence[Section], battles: Battles) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of all files. A line on stderr shows how far it is."""
    from tqdm import tqdm

    bench, index, here = battles.library.bench.name, SearchIndex(), Path(__file__)
    linked = [*sections, battles.section()]
    links = [(section.file, section.name) for section in linked]
    for section in linked:
        yield section.file, shell(section, links, bench)
    pages = tqdm(
        battles.pages(index),
        total=len(battles.entries),
        unit="battle",
        leave=False,
        disable=None,
    )
    for name, page in pages:
        yield name, shell(page, links, bench, "../")
    yield "search.js", index.script()
    yield "site.js", here.with_name("site.js").read_bytes()
    yield "site.css", styles().encode()
    yield ".nojekyll", b""
    mark = {"site": 1, "bench": bench, "battles": battles.coverage}
    yield MARK, (json.dumps(mark, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")
