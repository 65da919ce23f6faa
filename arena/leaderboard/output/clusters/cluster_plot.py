"""Plots of scores by cluster: a heat map, or one model's weakest and strongest of many clusters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from arena.base.errors import one_line
from arena.leaderboard.clusters import MANY_CLUSTERS, ClusterTable
from arena.leaderboard.output.clusters.cluster_page import score_scale
from arena.leaderboard.output.clusters.cluster_report import (
    axis_label,
    cluster_name,
    table_titles,
)
from arena.leaderboard.output.plot import heat_figure, interval_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENDS = MANY_CLUSTERS // 2  # clusters of a model that are drawn at each end


def cluster_figure(table: ClusterTable) -> Figure:
    """Draw models by clusters, one score a cell. Of many clusters, draw the weakest and strongest
    of the best model.
    """
    if len(table.boards) > MANY_CLUSTERS and table.rated:
        return ends_figure(table, table.rated[0])
    rows = ([board.row(model) for board in table.boards] for model in table.models)
    scores = np.array([[row.score if row else np.nan for row in line] for line in rows])
    names = [f"{cluster_name(board)} ({board.counts.questions:,})" for board in table.boards]
    models = [one_line(model) for model in table.models]
    scale, label = score_scale(table), axis_label(table.wholes[0])
    figure = heat_figure(scores, (models, names), table_titles(table), scale, label)
    figure.axes[0].set_xlabel(f"{table.by} (questions)", fontsize=8)
    return figure


def ends_figure(table: ClusterTable, model: str) -> Figure:
    """Draw the scores and intervals of a model, the strongest cluster on top."""
    weakest, strongest = table.ends(model, ENDS)
    boards = [*weakest, *strongest[::-1]]
    rows = tuple(row for board in boards if (row := board.row(model)))
    names = [f"{cluster_name(board)} ({board.counts.judged[model]:,})" for board in boards]
    shown = f", the {ENDS} weakest and {ENDS} strongest" if strongest else ""
    whole = replace(table.wholes[0], rows=rows)
    title = f"{whole.selection.bench.name}: scores of {model} by {table.by}{shown}"
    titles = title, table_titles(table)[1]
    figure, axes = interval_figure(whole, rows, names, titles, axis_label(whole))
    if strongest:
        axes.axhline(ENDS - 0.5, color="#999999", linewidth=0.8, linestyle="--")
    return figure
