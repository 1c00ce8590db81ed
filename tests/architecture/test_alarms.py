"""Alarms stand on what the services really count (R7.2d, R9.1b)."""

from pathlib import Path
from typing import Any, Final, get_args

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from auth_service import erasures, security
from chassis import errors, revocation
from orchestrator_service import dead_letters

ROOT: Final = Path(__file__).parents[2]
RULES: Final[list[dict[str, Any]]] = [
    rule
    for file in sorted((ROOT / "infra/observability").glob("*.rules.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
COUNTED: Final = (security, errors, revocation, erasures, dead_letters)
"""Modules whose import makes their metrics."""
OF_THE_SCRAPE: Final = {"job", "instance"}


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """The metrics an expression looks at; raises where it cannot be read."""
    found: list[promql_parser.VectorSelector] = []

    def see(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), see)
    return found


def labels_of(metric: str) -> set[str]:
    """Of a metric as it is scraped; raises `KeyError` where nothing counts it."""
    counted = REGISTRY._names_to_collectors[metric]
    assert isinstance(counted, MetricWrapperBase)
    return set(counted._labelnames) | OF_THE_SCRAPE


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alarm_looks_at_what_is_counted_and_says_what_to_do(rule: dict[str, Any]) -> None:
    looked_at = selectors(rule["expr"])

    assert looked_at
    for each in looked_at:
        assert {matcher.name for matcher in each.matchers.matchers} <= labels_of(str(each.name))
        signs = {m.value for m in each.matchers.matchers if m.name == "sign"}
        assert signs <= set(get_args(security.Sign))
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert rule["annotations"]["summary"]
    assert f"| {rule['alert']} |" in (ROOT / "infra/docs/alarms.md").read_text()


def test_a_metric_that_nobody_counts_would_be_seen() -> None:
    [selector] = selectors('rate(nobody_counts_this_total{sign="x"}[5m]) > 1')

    assert selector.name == "nobody_counts_this_total"
    with pytest.raises(KeyError):
        labels_of(str(selector.name))
    with pytest.raises(ValueError, match="inside brackets"):
        selectors("rate(broken[5m) > 1")
