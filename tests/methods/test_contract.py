"""The objective method under the contract of all methods."""

from pathlib import Path

from jaxseg import losses
from jaxseg.methods import SGD, ObjectiveMethod, Term, WarmStart
from tests.methods.contract import check_resumed
from tests.tiny import network


def test_the_objective_method_resumes_in_either_phase(tmp_path: Path) -> None:
    source = Term(losses.SoftmaxCrossEntropy())
    method = ObjectiveMethod(
        network=network(normalize=True, dropout=0.2),
        objective={"source": source, "target": Term(losses.MaximumSquares(), domain="target")},
        warm_start=WarmStart(steps=2, objective={"source": source}),
        steps=2,
        optimizer=SGD(learning_rate=0.1),
    )
    check_resumed(tmp_path, method, after=(2, 3))
