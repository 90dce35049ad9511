"""A page for each number of ours in the tables, and for each claim: the runs behind it, all terms, and the queries."""

from collections.abc import Iterable, Mapping, Sequence

from sd.render.claims.judge import Case
from sd.render.claims.page import Section
from sd.render.provenance.answer import Answer
from sd.render.provenance.asked import Sources, why_in_turn
from sd.render.provenance.run import Facts
from sd.render.provenance.selected import Index
from sd.render.provenance.written import made_with
from sd.render.site.catalogue import Catalogue, slug
from sd.render.site.tables import TablePage
from sd.render.site.writer import Writer
from sd.render.table import Entry

# A page of a claim shows so many facts at most; of more the command tells.
_READABLE = 500


def write_answers(
    writer: Writer, pages: Sequence[TablePage], sources: Sources, catalogue: Catalogue
) -> Mapping[str, str]:
    """Write a page for every address in these tables; where each address leads to, relative to the site."""
    addresses = [address for page in pages for address in _addresses(page)]
    links = {}
    for address, answer in why_in_turn(addresses, sources, strict=False):  # a grid may be gone to which one leads
        links[address] = f"why/{slug(address)}.html"
        _write(writer, links[address], "Tables", answer, catalogue)
    return links


def write_claim_answers(
    writer: Writer, sections: Iterable[Section], sources: Sources, catalogue: Catalogue
) -> Mapping[str, Mapping[str, str]]:
    """Write a page for each claim and checkpoint of which there are facts, unless they are too many to be read; where
    each claim and checkpoint leads to, relative to the site."""
    from sd.render.provenance import of_claim

    found: dict[tuple[str, str], list[Case]] = {}
    for section in sections:
        for case, _ in section.cases:
            found.setdefault((section.claim.id, case.checkpoint), []).append(case)
    readable = {place: cases for place, cases in found.items() if sum(len(c.rows) for c in cases) <= _READABLE}
    index = Index(sources.database)
    keys = of_claim.keys_of([case for cases in readable.values() for case in cases], index)
    facts = Facts(sources.database, keys, sources.root, sources.logs)
    links: dict[str, dict[str, str]] = {}
    for (name, checkpoint), cases in readable.items():
        answer = of_claim.claim_answer(name, checkpoint, cases, index, facts)
        links.setdefault(name, {})[checkpoint] = f"why/claim-{name.lower()}-{checkpoint}.html"
        _write(writer, links[name][checkpoint], "Claims", answer, catalogue)
    return links


def _write(writer: Writer, path: str, part: str, answer: Answer, catalogue: Catalogue) -> None:
    cells = {run.key: catalogue.by_key[run.key] for run in answer.runs if run.key in catalogue.by_key}
    writer.page(path, "why", part, answer=answer, made=made_with(answer.runs), cells=cells)


def _addresses(page: TablePage) -> Iterable[str]:
    for section in page.sections:
        for table in section.tables:
            for row in table.rows:
                yield from (item.why for item in row if isinstance(item, Entry) and item.why)
