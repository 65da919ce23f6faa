"""The web server of the page, which is Gradio's."""

from __future__ import annotations

import contextlib
import gc
import io

from starlette.middleware import Middleware

from arena.browser.annotate.votes import Votes
from arena.browser.defaults import Benches
from arena.browser.screens.annotate import Annotation
from arena.browser.web.address import PageGuard, served_names, without_stub_files
from arena.browser.web.routes import routes

with without_stub_files():
    import gradio as gr

# isort: split
from arena.browser.web.page import THEME, page_of


def serve(
    benches: Benches,
    host: str,
    port: int | None,
    share: bool,
    auth: tuple[str, str] | None,
    votes: Votes | None = None,
) -> tuple[gr.Blocks, str, str | None]:
    """Serve the page in the background. Return it with its address and its public one.

    `votes`: those of a person who labels pairs of the first bench.
    """
    page = page_of(benches.first.library.bench.name)
    middleware = Middleware(
        PageGuard, names=served_names(host), shared=share, annotated=bool(votes)
    )
    ours = routes(benches, Annotation(votes) if votes else None)
    with contextlib.redirect_stdout(io.StringIO()):  # Gradio's own lines
        _, url, public_url = page.launch(
            server_name=f"[{host}]" if ":" in host else host,  # an IPv6 address in a URL
            server_port=port,
            share=share,
            auth=auth,
            prevent_thread_lock=True,
            quiet=True,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            max_file_size=1,  # nothing is uploaded
            _frontend=False,  # else a busy machine that takes 3 s for the page does not serve it
            app_kwargs={"middleware": [middleware], "routes": ours},
            theme=THEME,
        )
    # Gradio's objects stay as long as the page: to look through them takes 0.3 s, at any click.
    gc.freeze()
    return page, url, public_url or None
