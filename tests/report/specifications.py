"""What a Vega-Lite specification draws, layer by layer."""

from typing import Any, NamedTuple

import altair as alt

Specification = dict[str, Any]


class Layer(NamedTuple):
    """One kind of mark: what is drawn by which field, and of which rows."""

    mark: dict[str, Any]
    encoding: dict[str, Any]
    rows: list[dict[str, Any]]

    def field(self, channel: str) -> str:
        return str(self.encoding[channel]["field"])

    def drawn(self, *channels: str) -> list[tuple[Any, ...]]:
        """Of every row the values of these channels."""
        return [tuple(row[self.field(channel)] for channel in channels) for row in self.rows]

    def domain(self, channel: str) -> list[Any]:
        domain: list[Any] = self.encoding[channel]["scale"]["domain"]
        return domain


def layers_of(chart: alt.LayerChart | Specification) -> list[Layer]:
    specification: Specification = chart if isinstance(chart, dict) else chart.to_dict()
    return [
        Layer(
            layer["mark"],
            layer["encoding"],
            specification["datasets"][layer.get("data", specification.get("data"))["name"]],
        )
        for layer in specification["layer"]
    ]


def layer(chart: alt.LayerChart | Specification, mark: str, number: int = 0) -> Layer:
    """The so many-th layer of that kind of mark."""
    return [found for found in layers_of(chart) if found.mark["type"] == mark][number]
