"""A page for each number of ours in the tables: the runs behind it, its formula with all terms, and the queries."""

from collections.abc import Iterable, Mapping, Sequence

from sd.render.provenance.asked import Sources, why_each
from sd.render.provenance.written import made_with
from sd.render.site.catalogue import Catalogue, slug
from sd.render.site.tables import TablePage
from sd.render.site.writer import Writer
from sd.render.table import Entry


def write_answers(
    writer: Writer, pages: Sequence[TablePage], sources: Sources, catalogue: Catalogue
) -> Mapping[str, str]:
    """Write a page for every address in these tables; where each address leads to, relative to the site."""
    addresses = [address for page in pages for address in _addresses(page)]
    answers = why_each(addresses, sources, strict=False)  # a grid may be gone to which one leads
    links = {address: f"why/{slug(address)}.html" for address in answers}
    for address, answer in answers.items():
        cells = {run.key: catalogue.by_key[run.key] for run in answer.runs if run.key in catalogue.by_key}
        writer.page(links[address], "why", "Tables", answer=answer, made=made_with(answer.runs), cells=cells)
    return links


def _addresses(page: TablePage) -> Iterable[str]:
    for section in page.sections:
        for table in section.tables:
            for row in table.rows:
                yield from (item.why for item in row if isinstance(item, Entry) and item.why)
