"""The report of an advertiser as a PDF of A4 pages, with charts. Pure."""

import io
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.shapes import Drawing, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

from gasolinera.ads.analytics import Language
from gasolinera.ads.models_analytics import AdLine, AdvertiserReport

_INK: Final = HexColor("#1f2933")
_BAR: Final = HexColor("#2f6f8f")
_PALE: Final = HexColor("#e8eef1")
_WIDTH: Final = A4[0] - 36 * mm
# What the standard fonts of PDF can show; everything else becomes a question mark instead of a box.
_ENCODING: Final = "cp1252"
_MOST_DAYS_NAMED: Final = 16
_FUNNEL: Final = ("impressions", "starts", "first_quartiles", "midpoints", "third_quartiles", "completions")

_WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "es": {
        "title": "Informe de anuncios",
        "period": "Del {first} al {last}, días de UTC",
        "as_of": "Con las vistas terminadas hasta {as_of} UTC",
        "never": "Las cifras todavía no se han calculado",
        "totals": "En total",
        "days": "Vistas completadas por día",
        "funnel": "Hasta dónde se vieron",
        "budgets": "Presupuestos",
        "advertisements": "Anuncios, los más completados primero",
        "nothing": "En estos días no terminó ninguna vista.",
        "currency": "Moneda",
        "impressions": "Impresiones",
        "starts": "Inicios",
        "first_quartiles": "Primer cuarto",
        "midpoints": "Mitad",
        "third_quartiles": "Tercer cuarto",
        "completions": "Completadas",
        "completion_percent": "Completadas %",
        "clicks": "Clics",
        "rejections": "Rechazadas",
        "cost": "Costo",
        "rejected_cost": "Costo rechazado",
        "quality": "Calidad",
        "campaign": "Campaña",
        "total_budget": "Presupuesto",
        "spent": "Gastado",
        "spent_percent": "Gastado %",
        "elapsed_percent": "Tiempo %",
        "pace": "Ritmo",
        "AHEAD": "adelantado",
        "BEHIND": "atrasado",
        "ON_TRACK": "a tiempo",
        "advertisement": "Anuncio",
        "note": "Una vista cuenta en el día en que empezó, una vez terminada. Solo cuestan las vistas completadas; las "
        "rechazadas después siguen en el costo, y aparte como costo rechazado. El presupuesto y lo gastado son de toda "
        "la campaña.",
    },
    "en": {
        "title": "Report of advertisements",
        "period": "{first} to {last}, days of UTC",
        "as_of": "With the views that had ended by {as_of} UTC",
        "never": "The figures were never brought up to date",
        "totals": "In all",
        "days": "Completed views by day",
        "funnel": "How far they were watched",
        "budgets": "Budgets",
        "advertisements": "Advertisements, the most completed first",
        "nothing": "No view ended on these days.",
        "currency": "Currency",
        "impressions": "Impressions",
        "starts": "Starts",
        "first_quartiles": "First quarter",
        "midpoints": "Half",
        "third_quartiles": "Third quarter",
        "completions": "Completed",
        "completion_percent": "Completed %",
        "clicks": "Clicks",
        "rejections": "Rejected",
        "cost": "Cost",
        "rejected_cost": "Cost rejected",
        "quality": "Quality",
        "campaign": "Campaign",
        "total_budget": "Budget",
        "spent": "Spent",
        "spent_percent": "Spent %",
        "elapsed_percent": "Time %",
        "pace": "Pace",
        "AHEAD": "ahead",
        "BEHIND": "behind",
        "ON_TRACK": "on track",
        "advertisement": "Advertisement",
        "note": "A view counts in the day on which it started, once it has ended. Only completed views cost; those "
        "rejected later stay in the cost, and are told apart as cost rejected. Budget and spent are of the whole "
        "campaign.",
    },
}

_BODY: Final = ParagraphStyle("body", fontName="Helvetica", fontSize=8.5, leading=11, textColor=_INK)
_CELL: Final = ParagraphStyle("cell", parent=_BODY, fontSize=7.5, leading=9)
_HEAD: Final = ParagraphStyle("head", parent=_BODY, fontName="Helvetica-Bold", fontSize=12, leading=16, spaceBefore=8)
_TITLE: Final = ParagraphStyle("title", parent=_HEAD, fontSize=18, leading=22)


def advertiser_pdf(report: AdvertiserReport, *, language: Language = "es") -> bytes:
    """So many pages as it needs."""
    words = _WORDS[language]
    story: list[Any] = [*_opening(report, words)]
    if report.totals:
        story += [_heading(words["totals"]), _table(words, _TOTALS, report.totals)]
        story += [_heading(words["days"]), _days_chart(report.days)]
        story += [_heading(words["funnel"]), _funnel_chart(report.totals, words)]
    else:
        story.append(_text(words["nothing"]))
    if report.budgets:
        rows = [
            (
                budget.campaign_code,
                budget.currency,
                _number(budget.total_budget),
                _number(budget.spent),
                _number(budget.spent_percent),
                _number(budget.elapsed_percent),
                words.get(budget.pace or "", "-"),
            )
            for budget in report.budgets
        ]
        names = ("campaign", "currency", "total_budget", "spent", "spent_percent", "elapsed_percent", "pace")
        story += [_heading(words["budgets"]), _grid([words[name] for name in names], rows, wide=1)]
    if report.advertisements:
        story += [_heading(words["advertisements"]), _table(words, _ADVERTISEMENTS, report.advertisements, wide=2)]
    story += [Spacer(1, 4 * mm), _text(words["note"])]
    target = io.BytesIO()
    document: Any = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=16 * mm,
        bottomMargin=16 * mm,
        title=f"{words['title']} {report.advertiser.advertiser_code}",
    )
    document.build(story, onFirstPage=_number_page, onLaterPages=_number_page)
    return target.getvalue()


def _opening(report: AdvertiserReport, words: Mapping[str, str]) -> list[Any]:
    as_of = words["never"]
    if report.as_of is not None:
        as_of = words["as_of"].format(as_of=f"{report.as_of:%Y-%m-%d %H:%M:%S}")
    return [
        Paragraph(escape(_shown(f"{words['title']}: {report.advertiser.name}")), _TITLE),
        _text(words["period"].format(first=report.first_day, last=report.last_day)),
        _text(as_of),
    ]


_Cell = Callable[[AdLine], str]
_TOTALS: Final[Mapping[str, _Cell]] = {
    "currency": lambda line: line.currency,
    "impressions": lambda line: f"{line.impressions:,}",
    "starts": lambda line: f"{line.starts:,}",
    "completions": lambda line: f"{line.completions:,}",
    "completion_percent": lambda line: _number(line.completion_percent),
    "clicks": lambda line: f"{line.clicks:,}",
    "rejections": lambda line: f"{line.rejections:,}",
    "cost": lambda line: _number(line.cost),
    "rejected_cost": lambda line: _number(line.rejected_cost),
}
_ADVERTISEMENTS: Final[Mapping[str, _Cell]] = {
    "advertisement": lambda line: line.title or "",
    "campaign": lambda line: line.campaign_code or "",
    "starts": lambda line: f"{line.starts:,}",
    "completions": lambda line: f"{line.completions:,}",
    "completion_percent": lambda line: _number(line.completion_percent),
    "clicks": lambda line: f"{line.clicks:,}",
    "quality": lambda line: _number(line.mean_quality_score),
    "cost": lambda line: f"{_number(line.cost)} {line.currency}",
}


def _table(words: Mapping[str, str], columns: Mapping[str, _Cell], lines: Sequence[AdLine], *, wide: int = 0) -> Any:
    rows = [[cell(line) for cell in columns.values()] for line in lines]
    return _grid([words[name] for name in columns], rows, wide=wide)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]], *, wide: int) -> Any:
    """The first `wide` columns hold names and are twice as wide; the others hold numbers, to the right."""
    unit = _WIDTH / (len(head) + wide)
    widths = [unit * (2 if place < wide else 1) for place in range(len(head))]
    numbers = ParagraphStyle("number", parent=_CELL, alignment=2)
    bold = ParagraphStyle("bold", parent=_CELL, fontName="Helvetica-Bold")
    bold_numbers = ParagraphStyle("bold-number", parent=bold, alignment=2)

    def line(cells: Sequence[str], names: Any, others: Any) -> list[Any]:
        return [
            Paragraph(escape(_shown(cell)), names if place < max(wide, 1) else others)
            for place, cell in enumerate(cells)
        ]

    style = [
        ("BACKGROUND", (0, 0), (-1, 0), _PALE),
        ("LINEBELOW", (0, 0), (-1, -1), 0.25, _INK),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2),
    ]
    data = [line(head, bold, bold_numbers), *(line(row, _CELL, numbers) for row in rows)]
    return Table(data, colWidths=widths, repeatRows=1, style=style)


def _days_chart(days: Sequence[AdLine]) -> Any:
    """A bar a day; of two currencies together, for it counts views."""
    counts: dict[str, int] = {}
    for line in days:
        counts[str(line.day)] = counts.get(str(line.day), 0) + line.completions
    chart: Any = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 30, 34, _WIDTH - 40, 90
    chart.data = [tuple(counts.values())]
    step = -(-len(counts) // _MOST_DAYS_NAMED)
    chart.categoryAxis.categoryNames = [day if place % step == 0 else "" for place, day in enumerate(counts)]
    chart.categoryAxis.labels.angle = 45
    chart.categoryAxis.labels.boxAnchor = "ne"
    chart.categoryAxis.labels.fontSize = 6
    _finish_axis(chart, max(counts.values(), default=0))
    drawing: Any = Drawing(_WIDTH, 130)
    drawing.add(chart)
    return drawing


def _funnel_chart(totals: Sequence[AdLine], words: Mapping[str, str]) -> Any:
    counts = [sum(getattr(line, name) for line in totals) for name in _FUNNEL]
    chart: Any = HorizontalBarChart()
    chart.x, chart.y, chart.width, chart.height = 80, 14, _WIDTH - 140, 96
    # The axis begins at the bottom: the first step is drawn last.
    chart.data = [tuple(reversed(counts))]
    chart.categoryAxis.categoryNames = [_shown(words[name]) for name in reversed(_FUNNEL)]
    chart.categoryAxis.labels.fontSize = 7
    _finish_axis(chart, max(counts))
    drawing: Any = Drawing(_WIDTH, 116)
    drawing.add(chart)
    for place, count in enumerate(counts):
        y = chart.y + chart.height * (len(counts) - place - 0.65) / len(counts)
        drawing.add(String(_WIDTH - 56, y, f"{count:,}", fontName="Helvetica", fontSize=7, fillColor=_INK))
    return drawing


def _finish_axis(chart: Any, highest: int) -> None:
    chart.valueAxis.valueMin = 0
    chart.valueAxis.valueMax = max(highest, 1)
    chart.valueAxis.valueStep = max(1, -(-highest // 4))
    chart.valueAxis.labels.fontSize = 6
    chart.valueAxis.labelTextFormat = "%d"
    chart.bars[0].fillColor = _BAR
    chart.bars[0].strokeColor = None


def _heading(text: str) -> Any:
    return Paragraph(escape(_shown(text)), _HEAD)


def _text(text: str) -> Any:
    return Paragraph(escape(_shown(text)), _BODY)


def _shown(text: str) -> str:
    return text.encode(_ENCODING, "replace").decode(_ENCODING)


def _number(value: Decimal | None) -> str:
    return "-" if value is None else f"{value:,}"


def _number_page(canvas: Any, document: Any) -> None:
    canvas.setFont("Helvetica", 7)
    canvas.drawRightString(A4[0] - 18 * mm, 9 * mm, str(document.page))
